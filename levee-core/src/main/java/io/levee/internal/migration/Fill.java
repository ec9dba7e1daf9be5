package io.levee.internal.migration;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStep.Backfill;
import io.levee.TableSpec;
import io.levee.internal.query.ExprResolver;
import io.levee.internal.query.WhereParser;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A backfill with its names resolved.
 *
 * @param set for each column its expression, without selects
 * @param lookups the lookups by name, those found in expressions included
 * @param columns name and type of each lookup's values, in the order of {@code lookups}
 * @param where which rows, resolved; null for all
 */
record Fill(
        Map<String, String> set,
        Map<String, Lookup> lookups,
        List<Column> columns,
        @Nullable Expr where) {
    /**
     * Resolves a backfill.
     *
     * @param tables finds the spec of a table; throws for one that is not declared
     * @param now what {@code now} means in filters: when the migration was declared
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} naming what does not fit
     */
    static Fill of(
            Migration migration, Backfill step, TableSpec spec, Function<String, TableSpec> tables, Instant now) {
        if (step.set().isEmpty()) {
            throw bad(migration, "sets nothing");
        }
        Map<String, Lookup> lookups = new LinkedHashMap<>(step.lookups());
        Map<String, String> set = new LinkedHashMap<>();
        step.set().forEach((column, text) -> {
            SpecSteps.requireSettable(spec, migration, column);
            set.put(
                    column,
                    Correlated.extract(spec.name(), SqlExpression.parse(text), lookups)
                            .text());
        });
        List<Column> columns = new ArrayList<>();
        lookups.forEach((name, lookup) -> columns.add(column(migration, spec, name, lookup, tables)));
        set.values()
                .forEach(text -> SqlExpression.parse(text)
                        .rewrite(
                                spec.name(),
                                name -> lookups.containsKey(name) ? name : SqlExpression.column(spec, name)));
        String where = step.where();
        return new Fill(
                Collections.unmodifiableMap(set),
                Collections.unmodifiableMap(lookups),
                List.copyOf(columns),
                where == null ? null : ExprResolver.resolve(WhereParser.parse(where, now), spec));
    }

    private static Column column(
            Migration migration, TableSpec spec, String name, Lookup lookup, Function<String, TableSpec> tables) {
        if (!name.matches("[A-Za-z_][A-Za-z0-9_]{0,39}") || SqlExpression.column(spec, name) != null) {
            throw bad(
                            migration,
                            "has a lookup named '" + name + "', which is "
                                    + (SqlExpression.column(spec, name) == null
                                            ? "no plain word"
                                            : "a column of " + spec.name()))
                    .hint("name it as a plain word that is no column");
        }
        TableSpec other = tables.apply(lookup.table());
        lookup.match().forEach((theirs, ours) -> {
            ColumnType type = spec.column(ours).type();
            if (other.column(theirs).type() != type
                    || type == ColumnType.REAL
                    || type == ColumnType.JSON
                    || type == ColumnType.BLOB) {
                throw bad(
                        migration,
                        "matches " + other.name() + "." + theirs + ", which is "
                                + other.column(theirs).type().specName() + ", with " + spec.name() + "." + ours
                                + ", which is "
                                + type.specName() + ": both have to be of one type, and none of real, json and blob");
            }
        });
        if (lookup.where() != null) {
            ExprResolver.resolve(WhereParser.parse(lookup.where(), Instant.EPOCH), other);
        }
        return Column.of(name, type(migration, lookup, other));
    }

    private static ColumnType type(Migration migration, Lookup lookup, TableSpec other) {
        String column = lookup.column();
        if (column == null) {
            return ColumnType.INTEGER;
        }
        ColumnType type = other.column(column).type();
        boolean number = type == ColumnType.INTEGER || type == ColumnType.REAL || type == ColumnType.DURATION;
        boolean fits = switch (lookup.function()) {
            case COUNT -> true;
            case SUM -> number || type == ColumnType.BOOLEAN;
            case AVG -> number && type != ColumnType.DURATION;
            case MIN, MAX, ANY -> type != ColumnType.DECIMAL && type != ColumnType.JSON && type != ColumnType.BLOB;
        };
        if (!fits) {
            throw bad(
                    migration,
                    "looks up " + lookup.function().specName() + " of " + other.name() + "." + column + ", which is "
                            + type.specName());
        }
        return switch (lookup.function()) {
            case COUNT -> ColumnType.INTEGER;
            case AVG -> ColumnType.REAL;
            case SUM -> type == ColumnType.BOOLEAN ? ColumnType.INTEGER : type;
            case MIN, MAX, ANY -> type;
        };
    }

    private static LeveeException bad(Migration migration, String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, "the migration " + migration.id() + " " + what)
                .with("migration", migration.id());
    }
}
