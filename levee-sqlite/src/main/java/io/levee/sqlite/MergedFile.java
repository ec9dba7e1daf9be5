package io.levee.sqlite;

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

    /**
     * For one merge.
     *
     * @param replayed up to where each source of the table is settled; null where positions need not be compared, since all rows are
     *     of one period
     */
    MergedFile(StorePaths paths, TableSpec spec, Copying copying, @Nullable Map<String, Long> replayed) {
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
        boolean details = !PartitionSchema.columns(to, "src", PartitionSchema.details(spec))
                .isEmpty();
        return Sqlite.transaction(to, () -> {
            copy(to, spec.name());
            if (details) {
                copy(to, PartitionSchema.details(spec));
            }
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

    private void copy(Connection to, String table) throws SQLException {
        List<String> columns = new ArrayList<>();
        Set<String> known = PartitionSchema.columns(to, table);
        for (String column : PartitionSchema.columns(to, "src", table)) {
            if (!known.contains(column)) {
                throw new SQLException("the column " + column + " is in no spec");
            }
            columns.add(Sqlite.quote(column));
        }
        String list = String.join(", ", columns);
        try (Statement statement = to.createStatement()) {
            copying.running(statement);
            statement.executeUpdate("INSERT INTO main." + Sqlite.quote(table) + "(" + list + ") SELECT " + list
                    + " FROM src." + Sqlite.quote(table));
        } finally {
            copying.running(null);
        }
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
        Sqlite.transaction(to, () -> {
            try (PreparedStatement statement = to.prepareStatement(
                    "UPDATE levee_stats SET rows = ?, min_time = ?, max_time = ?, max_seq = ? WHERE id = 1")) {
                statement.setLong(1, held.rows());
                statement.setLong(2, held.minMicros());
                statement.setLong(3, held.maxMicros());
                statement.setLong(4, held.maxSeq());
                statement.executeUpdate();
            }
            if (spec.keyed()) {
                TableKeys.store(to, TableKeys.of(to, spec, held.rows()));
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
