package io.levee.testkit.conformance;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A table as an older program has it, without an engine's own words: {@link OldDatabase} makes it with the types of its kind. Immutable, but
 * for the rows, which are whatever the function gives.
 *
 * @param name its name, without a schema
 * @param columns the columns in their order
 * @param indexes names of indexes and what each is of, such as {@code site_id, checked_at DESC}
 * @param size how many times {@code rows} is asked, from 0 on
 * @param rows the values of a row in the order of the columns ({@link java.time.Instant} for both kinds of times, without the {@link
 *     Kind#NUMBER}); null where there is none
 */
public record OldTable(
        String name,
        Map<String, Kind> columns,
        Map<String, String> indexes,
        int size,
        IntFunction<@Nullable Object @Nullable []> rows) {
    /** What a column holds; the type for it is the database's. */
    public enum Kind {
        /** A whole number of its own for each row, rising, and the table's primary key. */
        NUMBER,
        /** Text, and the table's primary key. */
        KEY,
        /** Text. */
        TEXT,
        /** A short text, for which some have a type of its own. */
        WORD,
        /** A whole number. */
        WHOLE,
        /** Whole numbers, and texts among them that are none. */
        MIXED,
        /** A number. */
        REAL,
        /** True or false. */
        TRUTH,
        /** A time as programs on such a database mostly write it: seconds since 1970 in SQLite, {@code timestamptz} in PostgreSQL. */
        TIME,
        /** A time as text in UTC without a zone, such as {@code 2026-04-01 00:00:00}. */
        TIME_TEXT
    }

    /** Copies the collections; keeps their order. */
    public OldTable {
        columns = new LinkedHashMap<>(columns);
        indexes = new LinkedHashMap<>(indexes);
    }

    /** Its {@code CREATE TABLE}. */
    String create(OldDatabase in) {
        return columns.entrySet().stream()
                .map(c -> c.getKey() + " " + in.type(c.getValue()))
                .collect(Collectors.joining(", ", "CREATE TABLE " + name + "(", ")"));
    }

    /** Its indexes' statements. */
    List<String> createIndexes() {
        List<String> statements = new ArrayList<>();
        indexes.forEach((index, of) -> statements.add("CREATE INDEX " + index + " ON " + name + "(" + of + ")"));
        return statements;
    }

    /** The columns that rows have values of. */
    public List<String> written() {
        return columns.entrySet().stream()
                .filter(c -> c.getValue() != Kind.NUMBER)
                .map(Map.Entry::getKey)
                .toList();
    }

    /** Their kinds. */
    public List<Kind> writtenKinds() {
        return columns.values().stream().filter(kind -> kind != Kind.NUMBER).toList();
    }
}
