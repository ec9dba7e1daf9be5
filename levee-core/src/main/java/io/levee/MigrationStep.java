package io.levee;

import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Migration} does. SQL expressions are in the engine's own dialect, read the row's own columns by name, and have no
 * sub-selects, parameters or comments.
 */
public sealed interface MigrationStep {
    /** Its name in spec files and in {@link MigrationStatus#kind}, such as {@code addColumn}. */
    default String kind() {
        String name = getClass().getSimpleName();
        return name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1);
    }

    /**
     * Whether an older release can go on reading and writing the store: only dropping and renaming a column is not.
     *
     * @return false for a step after which older releases refuse the store
     */
    default boolean additive() {
        return true;
    }

    /**
     * A new column. Rows that were stored before read as the default, or as what the expression gives for them, at once; so does a new
     * row that leaves the column null.
     *
     * @param column the column; {@link Column#defaultValue} and {@link Column#expression} say what older rows have
     */
    record AddColumn(Column column) implements MigrationStep {
        /** A column for whose older rows a stored value stands, or an expression over their own columns; at most one of the two. */
        public AddColumn(Column column, @Nullable Object defaultValue, @Nullable String expression) {
            this(column.withDefault(defaultValue).withExpression(expression));
        }
    }

    /**
     * A new index in every partition. The partitions that rows come into have it first; queries use it where it is.
     *
     * @param index the index
     */
    record AddIndex(IndexSpec index) implements MigrationStep {}

    /**
     * Takes an index away from every partition.
     *
     * @param name the name of one of {@link TableSpec#namedIndexes}
     */
    record DropIndex(String name) implements MigrationStep {}

    /**
     * Takes a column away: hidden at once, its values cleared in the background.
     *
     * @param column the column; no column of time, key, index, retention or rollup
     */
    record DropColumn(String column) implements MigrationStep {
        @Override
        public boolean additive() {
            return false;
        }
    }

    /**
     * Gives a column another name, at once.
     *
     * @param from its name
     * @param to its new name
     */
    record RenameColumn(String from, String to) implements MigrationStep {
        @Override
        public boolean additive() {
            return false;
        }
    }

    /**
     * Sets columns of the rows that are stored when a partition's turn comes. Rows that have the values already are not written.
     *
     * @param set for each column an SQL expression over the row's own columns and the names of {@code lookups}; a correlated select
     *     {@code (SELECT max(o.rx_time) FROM observations o WHERE o.hash = transmissions.hash)} stands for a lookup without a name
     * @param lookups figures of other tables by the name that they have in the expressions
     * @param where which rows, in Levee's filter language; null for all
     */
    record Backfill(
            Map<String, String> set,
            Map<String, Lookup> lookups,
            @Nullable String where) implements MigrationStep {
        /** Copies the maps, in order. */
        public Backfill {
            set = Collections.unmodifiableMap(new LinkedHashMap<>(set));
            lookups = Collections.unmodifiableMap(new LinkedHashMap<>(lookups));
        }

        /** Sets one column of all rows. */
        public static Backfill of(String column, String expression) {
            return new Backfill(Map.of(column, expression), Map.of(), null);
        }
    }

    /**
     * Changes the rows that are stored when a partition's turn comes by a function. Java only: after a restart it waits until the program
     * declares it again.
     *
     * @param version says which function it is: one that does something else has another version, and so another digest
     * @param columns the columns that it changes; what else the function changes is left out. None of time and key
     * @param change gives the new row for a row; the same row for one that stays. Called on the thread {@code levee-migrate}, more than
     *     once for a row where a change or a crash comes between
     */
    record BackfillRows(String version, List<String> columns, UnaryOperator<Row> change) implements MigrationStep {
        /** Copies the list. */
        public BackfillRows {
            columns = List.copyOf(columns);
        }
    }

    /**
     * Work of the program's own, in slices. Java only: after a restart it waits until the program declares it again.
     *
     * @param version as of {@link BackfillRows}
     * @param work does one slice
     */
    record Custom(String version, SliceWork work) implements MigrationStep {}

    /** One slice of {@link Custom} work. */
    @FunctionalInterface
    interface SliceWork {
        /**
         * Does a bounded piece of work, on the thread {@code levee-migrate}. The cursor that it returns is kept durably before the next
         * call; a slice whose cursor was not kept is done again after a crash.
         *
         * @param cursor what the slice before returned; null at the beginning
         * @param deadline how long it should take; it is not interrupted
         * @return the next cursor; null at the end
         * @throws Exception any failure: the migration fails with its text
         */
        @Nullable
        String runSlice(@Nullable String cursor, Duration deadline) throws Exception;
    }
}
