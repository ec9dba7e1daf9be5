package io.levee;

import io.levee.internal.spec.SpecCodec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a table is: its columns, its event time, its key, how it is partitioned, indexed and kept. Immutable; equal by value.
 *
 * <p>{@link #toMap} and {@link #fromMap} are the form that spec files (YAML, JSON), the HTTP API and the stored copies share.
 */
public final class TableSpec {
    /** Most columns of a table. */
    public static final int MAX_COLUMNS = 1000;

    /** The column that takes unknown fields under {@link Unknown#EXTRA}. */
    public static final String EXTRA_COLUMN = "extra";

    private static final Pattern NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]{0,47}");

    private final String name;
    private final List<String> time;
    private final List<String> key;
    private final PartitionBy partitionBy;
    private final List<Column> columns;
    private final Map<String, Integer> positions;
    private final List<List<String>> indexes;
    private final List<IndexSpec> namedIndexes;
    private final Map<String, List<String>> formerNames;
    private final Map<String, Column> droppedColumns;
    private final List<String> fulltext;
    private final RetentionRule retention;
    private final Unknown unknown;
    private final List<RollupSpec> rollups;
    private final List<Adoption> adoptions;
    private final @Nullable String rollupOf;
    private final int[] timeAt;
    private final int[] keyAt;

    /** What happens to a field of a record that is no column. */
    public enum Unknown {
        /** Kept, as a member of the JSON column {@value TableSpec#EXTRA_COLUMN}. */
        EXTRA,
        /** The record is refused. */
        REJECT,
        /** The field is left out. */
        IGNORE
    }

    private TableSpec(Builder b) {
        this.name = b.name;
        this.time = List.copyOf(b.time);
        this.key = List.copyOf(b.key);
        this.partitionBy = b.partitionBy;
        this.retention = b.retention;
        this.unknown = b.unknown;
        this.rollups = List.copyOf(b.rollups);
        this.adoptions = List.copyOf(b.adoptions);
        this.rollupOf = b.rollupOf;
        this.indexes = b.indexes.stream().map(List::copyOf).toList();
        this.namedIndexes = List.copyOf(b.namedIndexes);
        Map<String, List<String>> former = new LinkedHashMap<>();
        b.formerNames.forEach((column, names) -> former.put(column, List.copyOf(names)));
        this.formerNames = Collections.unmodifiableMap(former);
        this.droppedColumns = Collections.unmodifiableMap(new LinkedHashMap<>(b.droppedColumns));
        this.fulltext = List.copyOf(b.fulltext);
        Map<String, Column> byName = new LinkedHashMap<>(b.columns);
        if (unknown == Unknown.EXTRA && !byName.containsKey(EXTRA_COLUMN)) {
            byName.put(EXTRA_COLUMN, Column.of(EXTRA_COLUMN, ColumnType.JSON));
        }
        this.columns = List.copyOf(byName.values());
        Map<String, Integer> at = new LinkedHashMap<>();
        columns.forEach(c -> at.put(c.name(), at.size()));
        this.positions = Collections.unmodifiableMap(at);
        check();
        this.timeAt = time.stream().mapToInt(this::position).toArray();
        this.keyAt = key.stream().mapToInt(this::position).toArray();
    }

    /** The positions of the time columns; not to be changed. */
    int[] timeAt() {
        return timeAt;
    }

    /** The positions of the key's columns; not to be changed. */
    int[] keyAt() {
        return keyAt;
    }

    /**
     * Starts a table.
     *
     * @param name the table's name: a letter or underscore, then letters, digits and underscores, at most 48
     */
    public static Builder builder(String name) {
        return new Builder(name);
    }

    /**
     * Reads the form of spec files.
     *
     * @param map the parsed file
     * @return the spec
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} naming the entry at fault
     */
    public static TableSpec fromMap(Map<String, ?> map) {
        return SpecCodec.fromMap(map);
    }

    /** The form of spec files: only maps, lists, text, numbers and booleans. */
    public Map<String, Object> toMap() {
        return SpecCodec.toMap(this);
    }

    /** The table's name. */
    public String name() {
        return name;
    }

    /** The columns that may hold the event time; the first that is not null counts. */
    public List<String> time() {
        return time;
    }

    /** The columns of the key; empty for a table of plain appends. */
    public List<String> key() {
        return key;
    }

    /** Whether appending a known key updates its row. */
    public boolean keyed() {
        return !key.isEmpty();
    }

    /** How much time one partition covers. */
    public PartitionBy partitionBy() {
        return partitionBy;
    }

    /** All columns, in order. */
    public List<Column> columns() {
        return columns;
    }

    /** The indexes that every partition has, each a list of columns. */
    public List<List<String>> indexes() {
        return indexes;
    }

    /** The indexes with names, as {@link MigrationStep.AddIndex} made them; partitions that it has not reached lack them yet. */
    public List<IndexSpec> namedIndexes() {
        return namedIndexes;
    }

    /**
     * The names that columns had before, by their present name, the newest first: in partitions that {@link MigrationStep.RenameColumn} has
     * not reached they have one of these.
     */
    public Map<String, List<String>> formerNames() {
        return formerNames;
    }

    /** The columns that {@link MigrationStep.DropColumn} took away, by name: partitions that it has not reached hold them still. */
    public Map<String, Column> droppedColumns() {
        return droppedColumns;
    }

    /**
     * The text and json columns with an index of their trigrams, in which {@code CONTAINS} looks for texts of three characters and more.
     * Answers are the same without it: what was stored before a column was listed is scanned.
     */
    public List<String> fulltext() {
        return fulltext;
    }

    /** How long rows are kept. */
    public RetentionRule retention() {
        return retention;
    }

    /** What happens to fields that are no column. */
    public Unknown unknown() {
        return unknown;
    }

    /** What is kept of partitions that are dropped. */
    public List<RollupSpec> rollups() {
        return rollups;
    }

    /** Older databases that are taken over where they lie when the table is declared; see {@link Store#adopt}. */
    public List<Adoption> adoptions() {
        return adoptions;
    }

    /** The table whose rollup it holds; such tables are made by the store itself. Null for the tables of users. */
    public @Nullable String rollupOf() {
        return rollupOf;
    }

    /** Whether it holds the figures of another table's rollup: it is listed only where it is asked for by name. */
    public boolean hidden() {
        return rollupOf != null;
    }

    /** The name of the hidden table with the figures of a rollup. */
    public String rollupTable(RollupSpec rollup) {
        return name + "__" + rollup.name();
    }

    /** The position of a column in {@link #columns}, or -1. Names are compared exactly. */
    public int position(String column) {
        Integer at = positions.get(column);
        return at == null ? -1 : at;
    }

    /**
     * A column by its name.
     *
     * @throws LeveeException {@link ErrorCode#UNKNOWN_COLUMN} naming those there are
     */
    public Column column(String column) {
        int at = position(column);
        if (at < 0) {
            throw new LeveeException(ErrorCode.UNKNOWN_COLUMN, "table " + name + " has no column '" + column + "'")
                    .with("column", column)
                    .hint("columns are " + positions.keySet());
        }
        return columns.get(at);
    }

    /** Whether several columns may hold the event time, so that engines keep it in a column of its own. */
    public boolean separateTime() {
        return time.size() > 1;
    }

    private void check() {
        if (!NAME.matcher(name).matches() || reserved(name)) {
            throw bad("'" + name + "' is no table name")
                    .hint("use a letter or underscore, then letters, digits and underscores, at most 48; not levee_…,"
                            + " sqlite_…, pg_… or …_details");
        }
        if (columns.isEmpty() || columns.size() > MAX_COLUMNS) {
            throw bad("a table has 1 to " + MAX_COLUMNS + " columns (got " + columns.size() + ")");
        }
        Set<String> folded = new LinkedHashSet<>();
        for (Column column : columns) {
            if (!folded.add(column.name().toLowerCase(Locale.ROOT))) {
                throw bad("two columns are named '" + column.name() + "' but for upper and lower case");
            }
        }
        if (time.isEmpty()) {
            throw bad("no time column").hint("say which column is event time, such as time: finished_at");
        }
        for (String column : time) {
            requireHot(column, "time");
            if (column(column).type() != ColumnType.TIMESTAMP) {
                throw bad("time column '" + column + "' must be a timestamp, not "
                        + column(column).type().specName());
            }
        }
        key.forEach(column -> requireHot(column, "key"));
        if (new LinkedHashSet<>(key).size() != key.size()) {
            throw bad("the key names a column twice: " + key);
        }
        for (List<String> index : indexes) {
            if (index.isEmpty() || new LinkedHashSet<>(index).size() != index.size()) {
                throw bad("an index names one or more columns, each once (got " + index + ")");
            }
            index.forEach(column -> requireHot(column, "an index"));
        }
        checkMigrated();
        if (new LinkedHashSet<>(fulltext).size() != fulltext.size()) {
            throw bad("fulltext names a column twice: " + fulltext);
        }
        fulltext.forEach(this::requireText);
        checkRollups();
        checkRetention();
        if (unknown == Unknown.EXTRA && column(EXTRA_COLUMN).type() != ColumnType.JSON) {
            throw bad("unknown: extra keeps fields in the column 'extra', which must be json");
        }
    }

    private void checkMigrated() {
        Set<String> names = new LinkedHashSet<>();
        for (IndexSpec index : namedIndexes) {
            if (!names.add(index.name().toLowerCase(Locale.ROOT))) {
                throw bad("two indexes are named '" + index.name() + "'");
            }
            index.parts().stream()
                    .filter(part -> !IndexSpec.expression(part))
                    .forEach(column -> requireHot(column, "the index " + index.name()));
        }
        for (String column : formerNames.keySet()) {
            if (position(column) < 0) {
                throw bad("former names are given of the column '" + column + "', which is not declared");
            }
        }
        for (String column : droppedColumns.keySet()) {
            if (position(column) >= 0) {
                throw bad("the column '" + column + "' is both declared and dropped");
            }
        }
        for (Column column : columns) {
            if (column.filled() && (time.contains(column.name()) || key.contains(column.name()))) {
                throw bad("the column '" + column.name() + "' of time or key has a default or an expression");
            }
        }
    }

    /** Everything that it is, to be changed. */
    public Builder toBuilder() {
        Builder b = new Builder(name);
        b.time.addAll(time);
        b.key.addAll(key);
        columns.forEach(b::column);
        b.indexes.addAll(indexes);
        b.namedIndexes.addAll(namedIndexes);
        formerNames.forEach((column, names) -> b.formerNames.put(column, new ArrayList<>(names)));
        b.droppedColumns.putAll(droppedColumns);
        b.fulltext.addAll(fulltext);
        b.partitionBy = partitionBy;
        b.retention = retention;
        b.unknown = unknown;
        b.rollups.addAll(rollups);
        b.adoptions.addAll(adoptions);
        b.rollupOf = rollupOf;
        return b;
    }

    private void checkRetention() {
        for (String column : retention.per()) {
            requireHot(column, "retention per");
            ColumnType type = column(column).type();
            if (type == ColumnType.REAL
                    || type == ColumnType.DECIMAL
                    || type == ColumnType.JSON
                    || type == ColumnType.BLOB) {
                throw bad("retention per names the column '" + column + "', which is " + type.specName());
            }
        }
        if (retention.keepNewest() > 0 && !rollups.isEmpty()) {
            throw bad("keepNewest deletes single rows, and rollups keep figures of whole partitions when these go")
                    .hint("bound it by maxAge or maxBytes, or leave the rollups out");
        }
        String by = retention.by();
        if (by == null) {
            return;
        }
        requireHot(by, "retention by");
        ColumnType type = column(by).type();
        if (type != ColumnType.TEXT
                && type != ColumnType.INTEGER
                && type != ColumnType.BOOLEAN
                && type != ColumnType.UUID) {
            throw bad("retention by names the column '" + by + "', which is " + type.specName()
                    + ", none of text, integer, boolean and uuid");
        }
    }

    private void checkRollups() {
        if (rollups.size() > RollupSpec.MAX_ROLLUPS) {
            throw bad("a table has at most " + RollupSpec.MAX_ROLLUPS + " rollups (got " + rollups.size() + ")");
        }
        Set<String> names = new LinkedHashSet<>();
        for (RollupSpec rollup : rollups) {
            String what = "the rollup '" + rollup.name() + "'";
            if (!names.add(rollup.name())) {
                throw bad("two rollups are named '" + rollup.name() + "'");
            }
            if (!NAME.matcher(rollupTable(rollup)).matches()) {
                throw bad("the names of table and rollup are too long together: " + rollupTable(rollup)
                        + " is longer than 48");
            }
            for (String column : rollup.by()) {
                requireHot(column, what);
                ColumnType type = column(column).type();
                if (type == ColumnType.BLOB || type == ColumnType.JSON || type == ColumnType.REAL) {
                    throw bad(what + " groups by " + column + ", which is " + type.specName());
                }
            }
            for (Measure measure : rollup.measures()) {
                String column = measure.column();
                if (column == null) {
                    continue;
                }
                requireHot(column, what);
                ColumnType type = column(column).type();
                boolean number = type == ColumnType.INTEGER
                        || type == ColumnType.REAL
                        || type == ColumnType.DURATION
                        || type == ColumnType.BOOLEAN;
                boolean any = measure.function() == Measure.Function.COUNT
                        || (measure.function() == Measure.Function.MIN || measure.function() == Measure.Function.MAX)
                                && type != ColumnType.DECIMAL;
                if (!number && !any
                        || type == ColumnType.BOOLEAN && measure.function() == Measure.Function.PERCENTILE) {
                    throw bad(what + " asks for " + measure.name() + ", and the column is " + type.specName());
                }
            }
        }
    }

    private static boolean reserved(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return lower.startsWith("levee_")
                || lower.startsWith("sqlite_")
                || lower.startsWith("pg_")
                || lower.endsWith("_details");
    }

    private void requireText(String column) {
        if (position(column) < 0) {
            throw bad("fulltext names the column '" + column + "', which is not declared");
        }
        ColumnType type = column(column).type();
        if (type != ColumnType.TEXT && type != ColumnType.JSON) {
            throw bad("fulltext names the column '" + column + "', which is " + type.specName()
                    + ", neither text nor json");
        }
    }

    private void requireHot(String column, String role) {
        if (position(column) < 0) {
            throw bad(role + " names the column '" + column + "', which is not declared");
        }
        if (column(column).detail()) {
            throw bad(role + " names the column '" + column + "', which is a detail column");
        }
    }

    private LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, "table " + name + ": " + what).with("table", name);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other == this || other instanceof TableSpec spec && toMap().equals(spec.toMap());
    }

    @Override
    public int hashCode() {
        return Objects.hash(name, columns);
    }

    @Override
    public String toString() {
        return toMap().toString();
    }

    /** Collects a table's parts. Not thread-safe. */
    public static final class Builder {
        private final String name;
        private final List<String> time = new ArrayList<>();
        private final List<String> key = new ArrayList<>();
        private final Map<String, Column> columns = new LinkedHashMap<>();
        private final List<List<String>> indexes = new ArrayList<>();
        private final List<IndexSpec> namedIndexes = new ArrayList<>();
        private final Map<String, List<String>> formerNames = new LinkedHashMap<>();
        private final Map<String, Column> droppedColumns = new LinkedHashMap<>();
        private final List<String> fulltext = new ArrayList<>();
        private PartitionBy partitionBy = PartitionBy.AUTO;
        private RetentionRule retention = RetentionRule.KEEP_ALL;
        private Unknown unknown = Unknown.REJECT;
        private final List<RollupSpec> rollups = new ArrayList<>();
        private final List<Adoption> adoptions = new ArrayList<>();
        private @Nullable String rollupOf;

        private Builder(String name) {
            this.name = name;
        }

        /** Adds a nullable hot column. */
        public Builder column(String column, ColumnType type) {
            return column(Column.of(column, type));
        }

        /** Adds a column, or replaces the one of that name. */
        public Builder column(Column column) {
            columns.put(column.name(), column);
            return this;
        }

        /** Says which columns may hold the event time; the first that is not null counts. */
        public Builder time(String... names) {
            time.clear();
            time.addAll(List.of(names));
            return this;
        }

        /** Says which columns are the key. */
        public Builder key(String... names) {
            key.clear();
            key.addAll(List.of(names));
            return this;
        }

        /** Says how much time one partition covers; {@link PartitionBy#AUTO} by default. */
        public Builder partitionBy(PartitionBy by) {
            partitionBy = by;
            return this;
        }

        /** Adds an index. One that begins with the time column is there already. */
        public Builder index(String... names) {
            indexes.add(List.of(names));
            return this;
        }

        /** Adds an index with a name, or replaces the one of that name. In stored tables {@link MigrationStep.AddIndex} does it. */
        public Builder index(IndexSpec index) {
            dropIndex(index.name());
            namedIndexes.add(index);
            return this;
        }

        /** Takes an index with a name away. In stored tables {@link MigrationStep.DropIndex} does it. */
        public Builder dropIndex(String index) {
            namedIndexes.removeIf(known -> known.name().equals(index));
            return this;
        }

        /** Notes which names a column had before, the newest first: for the store itself, and for copies of its specs. */
        public Builder formerNames(String column, List<String> names) {
            formerNames.put(column, new ArrayList<>(names));
            return this;
        }

        /**
         * Takes a column away, and notes that there was one: for the store itself. In stored tables {@link MigrationStep.DropColumn} does it.
         */
        public Builder drop(String column) {
            Column known = columns.remove(column);
            if (known != null) {
                // What it had for older rows is of no use any more.
                droppedColumns.put(column, known.asOptional().withDefault(null).withExpression(null));
                List<String> former = formerNames.remove(column);
                if (former != null) {
                    former.forEach(name ->
                            droppedColumns.put(name, droppedColumns.get(column).named(name)));
                }
            }
            return this;
        }

        /**
         * Puts a column in the place of another, as which it is known in older partitions: for the store itself. In stored tables
         * {@link MigrationStep.RenameColumn} does it.
         */
        public Builder rename(String from, Column to) {
            Map<String, Column> all = new LinkedHashMap<>(columns);
            columns.clear();
            all.forEach((column, known) ->
                    columns.put(column.equals(from) ? to.name() : column, column.equals(from) ? to : known));
            indexes.replaceAll(index -> index.stream()
                    .map(column -> column.equals(from) ? to.name() : column)
                    .toList());
            List<String> former = new ArrayList<>(List.of(from));
            former.addAll(formerNames.getOrDefault(from, List.of()));
            formerNames.remove(from);
            formerNames.put(to.name(), former);
            return this;
        }

        /** Forgets that a column was dropped, or had another name, since no partition has it any more: for the store itself. */
        public Builder forget(String column) {
            droppedColumns.remove(column);
            formerNames.values().forEach(names -> names.remove(column));
            formerNames.values().removeIf(List::isEmpty);
            return this;
        }

        /** Notes that there was such a column: for the store itself, and for copies of its specs. */
        public Builder dropped(Column column) {
            droppedColumns.put(column.name(), column);
            return this;
        }

        /** Says which text and json columns get an index for {@code CONTAINS}; it takes about the room of the texts. None by default. */
        public Builder fulltext(String... names) {
            fulltext.clear();
            fulltext.addAll(List.of(names));
            return this;
        }

        /** Takes an older database over when the table is declared, unless it was before; one that is not there is left out. */
        public Builder adopt(Adoption adoption) {
            adoptions.add(adoption);
            return this;
        }

        /** Says how long rows are kept; {@link RetentionRule#KEEP_ALL} by default (guarantee G72). */
        public Builder retention(RetentionRule rule) {
            retention = rule;
            return this;
        }

        /** Says what happens to fields that are no column; {@link Unknown#REJECT} by default. */
        public Builder unknown(Unknown what) {
            unknown = what;
            return this;
        }

        /** Says that it holds the figures of another table's rollup: for the store itself. */
        public Builder rollupOf(@Nullable String table) {
            rollupOf = table;
            return this;
        }

        /** Keeps figures of partitions when they are dropped. */
        public Builder rollup(RollupSpec rollup) {
            rollups.add(rollup);
            return this;
        }

        /**
         * Checks the parts against each other.
         *
         * @throws LeveeException {@link ErrorCode#BAD_SPEC}
         */
        public TableSpec build() {
            return new TableSpec(this);
        }
    }
}
