package io.levee.postgres;

import io.levee.Bytes;
import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.StoreStatus;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What tables take on the server's disk, as the server measures it; kept some seconds. Thread-safe. */
final class Sizes {
    private static final Duration FRESH = Duration.ofSeconds(5);

    /** Below a cap somebody looks each second. */
    private static final Duration FRESH_CAPPED = Duration.ofMillis(900);

    private final CatalogSession session;
    private final Catalog catalog;
    private final long cap;
    private final Names names;
    private Measured last = new Measured(Map.of(), 0, 0);
    private long takenNanos;
    private boolean taken;
    private boolean reachable = true;

    /** What there is, in bytes; {@code dropped} is the part of the tables that dropped partitions left. */
    private record Measured(Map<String, Long> byTable, long dropped, long catalogBytes) {}

    /** The sizes of a store; {@code cap} is what it may take, or null. */
    Sizes(CatalogSession session, Catalog catalog, @Nullable Bytes cap) {
        this.session = session;
        this.catalog = catalog;
        this.names = catalog.names();
        this.cap = cap == null ? 0 : cap.value();
    }

    /** The figures of partitions, with their tables' bytes: rows, indexes and large values. */
    List<PartitionInfo> infos(List<Leaf> leaves) {
        Map<String, Long> bytes = measured(leaves).byTable;
        return leaves.stream()
                .map(leaf -> leaf.info(bytes.getOrDefault(leaf.name(), 0L)))
                .toList();
    }

    /** Bytes by part. How much room the server's volume has nobody tells a client: 0. */
    StoreStatus.Disk disk() {
        Measured now = measured(List.of());
        long partitions =
                now.byTable.values().stream().mapToLong(Long::longValue).sum();
        Map<String, Long> byPart = new LinkedHashMap<>();
        byPart.put("partitions", partitions - now.dropped);
        byPart.put("catalog", now.catalogBytes);
        if (now.dropped > 0) {
            byPart.put("dropped", now.dropped);
        }
        return new StoreStatus.Disk(partitions + now.catalogBytes, cap, -1, byPart);
    }

    /** Forgets what was measured: something was dropped. */
    synchronized void changed() {
        taken = false;
    }

    private synchronized Measured measured(List<Leaf> leaves) {
        long now = MonotonicClock.SYSTEM.nanos();
        boolean old = !taken || now - takenNanos > (cap > 0 ? FRESH_CAPPED : FRESH).toNanos();
        if (old || reachable && !leaves.stream().allMatch(leaf -> last.byTable.containsKey(leaf.name()))) {
            try {
                last = session.ask("the sizes of tables cannot be read", this::measure);
                reachable = true;
            } catch (LeveeException e) {
                // Figures for people: those of before are better than none while the server is away.
                System.getLogger("io.levee.postgres").log(System.Logger.Level.WARNING, e.getMessage());
                reachable = false;
            }
            taken = true;
            takenNanos = now;
        }
        return last;
    }

    private Measured measure(Connection connection) throws SQLException {
        Map<String, Long> byTable = new HashMap<>();
        long catalogBytes = 0;
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT n.nspname, c.relname, pg_catalog.pg_total_relation_size(c.oid) FROM pg_catalog.pg_class c JOIN"
                        + " pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname IN"
                        + " (?, ?)")) {
            statement.setString(1, names.schema());
            statement.setString(2, names.catalogSchema());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    if (rows.getString(1).equals(names.schema())) {
                        byTable.put(rows.getString(2), rows.getLong(3));
                    } else {
                        catalogBytes += rows.getLong(3);
                    }
                }
            }
        }
        long dropped = 0;
        for (Leaf leaf : catalog.dropped(connection)) {
            dropped += byTable.getOrDefault(leaf.name(), 0L);
        }
        return new Measured(Map.copyOf(byTable), dropped, catalogBytes);
    }
}
