package io.levee.sqlite;

import io.levee.Column;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes one file of several closed partitions: all rows with their numbers, counted again, and durable when {@link #make} returns. Nothing
 * is changed but the new file.
 */
final class MergedFile {
    /** What a file says of the partitions whose rows it took over, as a JSON array of their names. */
    static final String MERGED = "merged";

    private final StorePaths paths;
    private final TableSpec spec;
    private final Copying copying;
    private final Map<String, Long> replayed;
    private final boolean compare;
    private final Set<String> unfinished;
    private final List<Map<String, MigrationMark>> marks = new ArrayList<>();
    private final Set<String> found = new LinkedHashSet<>();

    /**
     * For one merge.
     *
     * @param replayed up to where each source of the table is settled; null where positions need not be compared, since all rows are
     *     of one period
     * @param unfinished see {@link MigrationCatalog#unfinished}
     */
    MergedFile(
            StorePaths paths,
            TableSpec spec,
            Copying copying,
            @Nullable Map<String, Long> replayed,
            Set<String> unfinished) {
        this.unfinished = Set.copyOf(unfinished);
        this.paths = paths;
        this.spec = spec;
        this.copying = copying;
        this.replayed = replayed == null ? Map.of() : replayed;
        this.compare = replayed != null;
    }

    /** Why it cannot be made now, for people; an empty text where it was only interrupted. */
    static final class NotNow extends Exception {
        private static final long serialVersionUID = 1;

        NotNow(String why) {
            super(why);
        }

        String why() {
            return String.valueOf(getMessage());
        }
    }

    /** What was counted of rows: their number, the sum of numbers, and those with details. */
    private record Count(long rows, long numbers, long details) {
        Count plus(Count other) {
            return new Count(rows + other.rows, numbers + other.numbers, details + other.details);
        }
    }

    /**
     * Makes the file.
     *
     * @param sources closed partitions of one table, lent to the caller
     * @return what it holds
     */
    Partition.Held make(Path file, PartitionId id, List<Partition> sources, Instant now)
            throws SQLException, IOException, NotNow {
        for (String suffix : new String[] {"", "-journal"}) {
            Files.deleteIfExists(file.resolveSibling(file.getFileName() + suffix));
        }
        Partition.Held held = Partition.Held.NOTHING;
        Connection to = Connections.making(file);
        try {
            PartitionSchema.prepare(to, spec, id, now);
            Count wanted = new Count(0, 0, 0);
            Set<String> merged = new LinkedHashSet<>();
            for (Partition source : sources) {
                Path from = paths.partition(source);
                Connections.attach(to, from, "src");
                try {
                    wanted = wanted.plus(take(to, source, merged));
                } finally {
                    Connections.detach(to, from, "src");
                }
                held = plus(held, source.held());
            }
            finish(to, held, wanted, merged);
        } finally {
            Connections.close(file, to);
        }
        boolean synced = Handles.visit(file, file, true, false, channel -> {
                    channel.force(true);
                    return true;
                })
                .value();
        if (!synced) {
            throw new NotNow("its new file is open");
        }
        return held;
    }

    private static Partition.Held plus(Partition.Held a, Partition.Held b) {
        long minSeq = a.equals(Partition.Held.NOTHING) ? b.minSeq() : Math.min(a.minSeq(), b.minSeq());
        return new Partition.Held(
                Math.min(a.minMicros(), b.minMicros()),
                Math.max(a.maxMicros(), b.maxMicros()),
                a.rows() + b.rows(),
                minSeq,
                Math.max(a.maxSeq(), b.maxSeq()));
    }

    /** Takes the rows of what is attached. */
    private Count take(Connection to, Partition source, Set<String> merged) throws SQLException, NotNow {
        String wrong = Identity.wrong(to, "src", source.id(), source.held());
        if (wrong != null) {
            throw new SQLException(source.id() + ": " + wrong);
        }
        merged.add(source.id().toString());
        if (PartitionSchema.columns(to, "src", spec.name()).isEmpty()) {
            return new Count(0, 0, 0);
        }
        Map<String, String> description = description(to);
        if (description.containsKey(Rewriter.MARK)) {
            throw new NotNow(source.id() + " is to be rewritten after an erasure first");
        }
        merged.addAll(names(description.get(MERGED)));
        Map<String, Long> positions = positions(to, source);
        boolean details = !PartitionSchema.detail(spec).isEmpty()
                && !PartitionSchema.columns(to, "src", PartitionSchema.details(spec))
                        .isEmpty();
        Map<String, MigrationMark> of = MigrationMark.all(to, "src.");
        marks.add(of);
        found.addAll(of.keySet());
        return Sqlite.transaction(to, () -> {
            copy(to, FileColumns.of(spec, to, "src"));
            Sources.write(to, positions);
            return count(to, "src", details);
        });
    }

    /** The partitions whose rows a file took over, by its description. */
    static List<String> names(@Nullable String told) {
        return told != null && Json.parse(told) instanceof List<?> list
                ? list.stream().map(String::valueOf).toList()
                : List.of();
    }

    private static Map<String, String> description(Connection to) throws SQLException {
        Map<String, String> description = new HashMap<>();
        try (Statement statement = to.createStatement();
                ResultSet rows = statement.executeQuery("SELECT key, value FROM src.levee_partition")) {
            while (rows.next()) {
                description.put(rows.getString(1), rows.getString(2));
            }
        }
        return description;
    }

    /** A position speaks for all times of its partition: in a wider one only once nothing up to it can come again. */
    private Map<String, Long> positions(Connection to, Partition source) throws SQLException, NotNow {
        Map<String, Long> positions = new HashMap<>();
        if (PartitionSchema.columns(to, "src", "levee_sources").isEmpty()) {
            return positions;
        }
        try (Statement statement = to.createStatement();
                ResultSet rows = statement.executeQuery("SELECT source, position FROM src.levee_sources")) {
            while (rows.next()) {
                positions.put(rows.getString(1), rows.getLong(2));
            }
        }
        for (Map.Entry<String, Long> one : positions.entrySet()) {
            if (compare && replayed.getOrDefault(one.getKey(), -1L) < one.getValue()) {
                throw new NotNow(source.id() + " has rows of the source '" + one.getKey() + "' that may come again");
            }
        }
        return positions;
    }

    /** Rows as they read by the newest spec: what is still to be added, renamed or dropped in the source is done with that. */
    private void copy(Connection to, FileColumns from) throws SQLException {
        requireKnown(to, from);
        List<String> names = new ArrayList<>(List.of("_seq"));
        List<String> values = new ArrayList<>(List.of("m._seq"));
        if (spec.separateTime()) {
            names.add("_time");
            values.add("m._time");
        }
        for (Column column : PartitionSchema.hot(spec)) {
            names.add(Sqlite.quote(column.name()));
            values.add(from.alone(column));
        }
        if (spec.keyed()) {
            names.add("_chg");
            values.add("m._chg");
        }
        copy(to, spec.name(), names, values, " m");
        if (from.detailsThere() && !PartitionSchema.detail(spec).isEmpty()) {
            List<String> ours = new ArrayList<>(List.of("_seq"));
            List<String> theirs = new ArrayList<>(List.of("d._seq"));
            for (Column column : PartitionSchema.detail(spec)) {
                String name = from.name(column.name());
                ours.add(Sqlite.quote(column.name()));
                theirs.add(name == null ? "NULL" : "d." + Sqlite.quote(name));
            }
            copy(to, PartitionSchema.details(spec), ours, theirs, " d");
        }
    }

    private void copy(Connection to, String table, List<String> names, List<String> values, String as)
            throws SQLException {
        try (Statement statement = to.createStatement()) {
            copying.running(statement);
            statement.executeUpdate("INSERT INTO main." + Sqlite.quote(table) + "(" + String.join(", ", names)
                    + ") SELECT " + String.join(", ", values) + " FROM src." + Sqlite.quote(table) + as);
        } finally {
            copying.running(null);
        }
    }

    /** A column that nobody knows is not left behind in silence. */
    private void requireKnown(Connection to, FileColumns from) throws SQLException {
        Set<String> known = new LinkedHashSet<>(List.of("_seq", "_time", "_chg"));
        spec.columns().forEach(column -> known.add(from.named(column.name())));
        known.addAll(spec.droppedColumns().keySet());
        known.add(MigrationMark.COLUMN);
        for (boolean detail : new boolean[] {false, true}) {
            String table = detail ? PartitionSchema.details(spec) : spec.name();
            for (String column : PartitionSchema.columns(to, "src", table)) {
                if (!known.contains(column) && !from.told(detail, column)) {
                    throw new SQLException("the column " + column + " is in no spec");
                }
            }
        }
    }

    /**
     * A migration that sets values is done with the rows of all sources, or has begun with none of them; where it is done with all of the
     * table its mark says so.
     */
    private Map<String, MigrationMark> marks() throws NotNow {
        Map<String, MigrationMark> merged = new HashMap<>();
        for (String id : found) {
            List<@Nullable MigrationMark> each = new ArrayList<>();
            marks.forEach(of -> each.add(of.get(id)));
            boolean all = each.stream().allMatch(mark -> mark != null && mark.done());
            if (!all && unfinished.contains(id)) {
                throw new NotNow("the migration " + id + " has reached some of them and not others");
            }
            MigrationMark sum = null;
            for (MigrationMark mark : each) {
                sum = mark == null
                        ? sum
                        : sum == null ? mark : sum.after(mark.cursor(), mark.seen(), mark.changed(), true);
            }
            merged.put(id, java.util.Objects.requireNonNull(sum).after(0, 0, 0, true));
        }
        return merged;
    }

    private Count count(Connection to, String schema, boolean details) throws SQLException {
        String table = schema + "." + Sqlite.quote(spec.name());
        String ofDetails = schema + "." + Sqlite.quote(PartitionSchema.details(spec));
        try (Statement statement = to.createStatement();
                ResultSet rows = statement.executeQuery("SELECT count(*), coalesce(sum(_seq & 4294967295), 0), "
                        + (details ? "(SELECT count(*) FROM " + ofDetails + ")" : "0") + " FROM " + table)) {
            rows.next();
            return new Count(rows.getLong(1), rows.getLong(2), rows.getLong(3));
        }
    }

    private void finish(Connection to, Partition.Held held, Count wanted, Set<String> merged)
            throws SQLException, NotNow {
        boolean details = !PartitionSchema.detail(spec).isEmpty();
        Count got = count(to, "main", details);
        if (!got.equals(wanted) || got.rows() != held.rows()) {
            throw new SQLException("counted " + got + " instead of " + wanted + " and " + held.rows() + " rows");
        }
        Map<String, MigrationMark> done = marks();
        Sqlite.transaction(to, () -> {
            try (PreparedStatement statement =
                    to.prepareStatement("UPDATE levee_stats SET rows = ?, min_time = ?, max_time = ?, max_seq = ?4"
                            + (FilledRows.kept(to, "") ? ", filled_seq = ?4" : "") + " WHERE id = 1")) {
                statement.setLong(1, held.rows());
                statement.setLong(2, held.minMicros());
                statement.setLong(3, held.maxMicros());
                statement.setLong(4, held.maxSeq());
                statement.executeUpdate();
            }
            if (spec.keyed()) {
                TableKeys.store(to, TableKeys.of(to, spec, held.rows()));
            }
            for (Map.Entry<String, MigrationMark> mark : done.entrySet()) {
                mark.getValue().write(to, mark.getKey());
            }
            PartitionSchema.describe(to, MERGED, Json.write(List.copyOf(merged)));
            return true;
        });
        if (!"ok".equals(Sqlite.value(to, "PRAGMA quick_check(1)"))) {
            throw new SQLException("the new file is not whole");
        }
        if (copying.unwanted()) {
            throw new NotNow("");
        }
    }
}
