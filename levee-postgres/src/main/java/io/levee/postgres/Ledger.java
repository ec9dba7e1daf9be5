package io.levee.postgres;

import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.TableSpec;
import io.levee.engine.InFlight;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * What was lost and what is in flight, in the catalog (guarantees G7–G9). Written by the ledger's thread, one call at a time.
 *
 * <p>Invariant: a call that failed, whose commit may have taken effect nonetheless, is made good by the next one, which writes all
 * ranges anew: no count is there twice.
 */
final class Ledger {
    private static final String COLUMNS = "id, table_name, reason, from_time, to_time, row_count";

    private final Names names;
    private final CatalogSession session;
    private final Clock clock;
    private final String owner;
    private final List<Gap> before;
    private final @Nullable CloseReport reportBefore;
    private LossRanges ranges;
    private boolean unsure;
    /** What the engine found missing itself: told at once, written with the next call. */
    private final List<Gap> found = new CopyOnWriteArrayList<>();

    private final List<Gap> foundNow = new ArrayList<>();

    private final long lastSeenMicros;

    private Ledger(
            Names names,
            CatalogSession session,
            Clock clock,
            String owner,
            LossRanges ranges,
            @Nullable CloseReport reportBefore,
            long lastSeenMicros) {
        this.lastSeenMicros = lastSeenMicros;
        this.names = names;
        this.session = session;
        this.clock = clock;
        this.owner = owner;
        this.ranges = ranges;
        this.before = ranges.gaps();
        this.reportBefore = reportBefore;
    }

    /** Makes its table, in the caller's transaction. */
    static void create(Connection connection, Names names) throws SQLException {
        Postgres.run(
                connection,
                "CREATE TABLE " + names.catalog("ledger")
                        + "(id bigint PRIMARY KEY, table_name text COLLATE \"C\" NOT NULL, reason text NOT NULL,"
                        + " from_time bigint NOT NULL, to_time bigint NOT NULL, row_count bigint)");
    }

    /**
     * Takes up a store for writing, in the caller's transaction: what its last writer may have lost without a word becomes a range for
     * each table.
     *
     * @param clean whether the last writer closed it in order
     * @param owner what {@code store.owner} will say of this writer
     */
    static Ledger open(Connection c, Catalog catalog, CatalogSession session, Clock clock, boolean clean, String owner)
            throws SQLException {
        LossRanges ranges = read(c, catalog.names());
        if (!clean) {
            LossRanges more = ranges.plus(uncleanStop(c, catalog, clock.instant()));
            write(c, catalog.names(), ranges, more);
            ranges = more;
        }
        long lastSeen = lastSeen(catalog.get(c, "heartbeat"));
        catalog.put(c, "heartbeat", heartbeat(clock.instant(), List.of()));
        return new Ledger(catalog.names(), session, clock, owner, ranges, report(c, catalog), lastSeen);
    }

    /** What the catalog says was lost, for a store that is open for reading; what a stopped writer may have cost, too. */
    static List<Gap> losses(Connection c, Catalog catalog, Instant now) throws SQLException {
        if (!catalog.has(c, "ledger")) {
            return List.of();
        }
        LossRanges ranges = read(c, catalog.names());
        boolean stopped = !"CLEAN".equals(catalog.get(c, "last_shutdown"))
                && WriterSession.owner(c, catalog).isEmpty();
        return (stopped ? ranges.plus(uncleanStop(c, catalog, now)) : ranges).gaps();
    }

    /** What was lost before this opening. Any thread. */
    List<Gap> before() {
        return before;
    }

    private static long lastSeen(@Nullable String heartbeat) {
        try {
            return heartbeat == null ? Long.MIN_VALUE : number(Json.object(heartbeat), "at");
        } catch (RuntimeException e) {
            // After an unclean stop this was refused by now; a store that was closed in order does not need it, and
            // opens.
            System.getLogger("io.levee.postgres")
                    .log(System.Logger.Level.WARNING, "the catalog's heartbeat is not one: " + heartbeat, e);
            return Long.MIN_VALUE;
        }
    }

    /** What the clock showed when the store was last written before this opening. Any thread. */
    long lastSeenMicros() {
        return lastSeenMicros;
    }

    /** Notes what was committed and is not there any more. Writer thread. */
    void found(List<Gap> gaps) {
        System.getLogger("io.levee.postgres")
                .log(
                        System.Logger.Level.WARNING,
                        "the server lost what it had committed: it crashed with synchronous_commit = off, or a standby took over"
                                + " that had not got everything: " + gaps);
        found.addAll(gaps);
        synchronized (foundNow) {
            foundNow.addAll(gaps);
        }
    }

    /** What was found so. Any thread. */
    List<Gap> found() {
        return List.copyOf(found);
    }

    // What an unclean stop may have cost

    private static List<Gap> uncleanStop(Connection c, Catalog catalog, Instant now) throws SQLException {
        String said = catalog.get(c, "heartbeat");
        Map<String, long[]> inFlight = new LinkedHashMap<>();
        long at;
        try {
            at = said == null
                    ? micros(Instant.parse(String.valueOf(catalog.get(c, "created"))))
                    : inFlight(Json.object(said), inFlight);
        } catch (RuntimeException e) {
            throw new LeveeException(ErrorCode.CORRUPT, "the catalog's heartbeat is not one: " + said, e)
                    .hint("DELETE FROM " + catalog.names().catalog("store") + " WHERE key = 'heartbeat'");
        }
        long until = Math.max(at, micros(now));
        List<Gap> gaps = new ArrayList<>();
        for (TableSpec spec : catalog.tables(c)) {
            long[] flying = inFlight.getOrDefault(spec.name(), new long[] {at, until});
            gaps.add(new Gap(
                    spec.name(),
                    Math.min(at, flying[0]),
                    Math.max(until, flying[1]),
                    Gap.UNKNOWN,
                    LossReason.UNCLEAN_STOP));
        }
        return gaps;
    }

    private static String heartbeat(Instant at, List<InFlight> inFlight) {
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("at", micros(at));
        // Releases before migrations leave it out: see OlderWriter.
        said.put(OlderWriter.MIGRATES, true);
        said.put(
                "inFlight",
                inFlight.stream()
                        .map(f -> Map.of("table", f.table(), "from", f.fromMicros(), "to", f.toMicros()))
                        .toList());
        return Json.write(said);
    }

    private static long inFlight(Map<String, @Nullable Object> heartbeat, Map<String, long[]> ranges) {
        for (Object one : list(heartbeat, "inFlight")) {
            Map<?, ?> flying = (Map<?, ?>) one;
            ranges.put(String.valueOf(flying.get("table")), new long[] {number(flying, "from"), number(flying, "to")});
        }
        return number(heartbeat, "at");
    }

    private static List<?> list(Map<?, ?> map, String name) {
        return map.get(name) instanceof List<?> list ? list : List.of();
    }

    private static long number(Map<?, ?> map, String name) {
        if (map.get(name) instanceof Number number) {
            return number.longValue();
        }
        throw new IllegalArgumentException(name + " is not a number: " + map.get(name));
    }

    private static long micros(Instant at) {
        return Math.addExact(Math.multiplyExact(at.getEpochSecond(), 1_000_000), at.getNano() / 1000);
    }

    // Writing

    /** See {@link io.levee.engine.StorageEngine#ledger}. */
    synchronized void write(List<Gap> said, List<InFlight> inFlight) {
        List<Gap> own;
        synchronized (foundNow) {
            own = List.copyOf(foundNow);
        }
        List<Gap> lost = new ArrayList<>(said);
        lost.addAll(own);
        LossRanges more = ranges.plus(lost);
        LossRanges old = unsure ? null : ranges;
        String heartbeat = heartbeat(clock.instant(), inFlight);
        boolean done = false;
        try {
            CatalogSession.Command<Boolean> command = c -> {
                beat(c, heartbeat);
                write(c, names, old, more);
                return true;
            };
            if (lost.isEmpty() && !unsure) {
                session.changeSoon("the heartbeat cannot be written", command);
            } else {
                session.change("losses cannot be written to the ledger", command);
            }
            done = true;
        } finally {
            unsure = !done;
        }
        ranges = more;
        synchronized (foundNow) {
            foundNow.subList(0, own.size()).clear();
        }
    }

    /** Only the store's writer says what is in flight: one that was cut off has been replaced by another. */
    private void beat(Connection c, String heartbeat) throws SQLException {
        int said = Postgres.update(
                c,
                "UPDATE " + names.catalog("store") + " SET value = ? WHERE key = 'heartbeat' AND EXISTS (SELECT 1 FROM "
                        + names.catalog("store") + " WHERE key = 'owner' AND value = ?)",
                heartbeat,
                owner);
        if (said == 0) {
            throw new LeveeException(
                            ErrorCode.STORE_LOCKED,
                            "another writer has the store by now: this one's losses are not in its ledger")
                    .hint("close this store; its report says what was lost");
        }
    }

    /**
     * Brings the table from one state to another.
     *
     * @param old what is there, null where nobody knows
     */
    private static void write(Connection c, Names names, @Nullable LossRanges old, LossRanges now) throws SQLException {
        if (old == null) {
            Postgres.run(c, "DELETE FROM " + names.catalog("ledger"));
        } else {
            for (Long id : old.idsNotIn(now)) {
                Postgres.update(c, "DELETE FROM " + names.catalog("ledger") + " WHERE id = ?", id);
            }
        }
        try (PreparedStatement insert = c.prepareStatement("INSERT INTO " + names.catalog("ledger") + "(" + COLUMNS
                + ") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET from_time = excluded.from_time,"
                + " to_time = excluded.to_time, row_count = excluded.row_count")) {
            for (Map.Entry<Long, Gap> range : now.changedSince(old).entrySet()) {
                Gap gap = range.getValue();
                insert.setLong(1, range.getKey());
                insert.setString(2, gap.table());
                insert.setString(3, gap.reason().name());
                insert.setLong(4, gap.fromMicros());
                insert.setLong(5, gap.toMicros());
                if (gap.count() == Gap.UNKNOWN) {
                    insert.setNull(6, Types.BIGINT);
                } else {
                    insert.setLong(6, gap.count());
                }
                insert.addBatch();
            }
            insert.executeBatch();
        }
    }

    private static LossRanges read(Connection c, Names names) throws SQLException {
        Map<Long, Gap> ranges = new LinkedHashMap<>();
        try (Statement statement = c.createStatement();
                ResultSet rows = statement.executeQuery(
                        "SELECT " + COLUMNS + " FROM " + names.catalog("ledger") + " ORDER BY id")) {
            while (rows.next()) {
                long count = rows.getLong(6);
                boolean unknown = rows.wasNull();
                ranges.put(
                        rows.getLong(1),
                        new Gap(
                                rows.getString(2),
                                rows.getLong(4),
                                rows.getLong(5),
                                unknown ? Gap.UNKNOWN : count,
                                LossReason.valueOf(rows.getString(3))));
            }
        }
        return new LossRanges(ranges);
    }

    // The last close

    /** The report of the last close before this opening: from memory, since the status shows it while the server is away. */
    @Nullable
    CloseReport reportBefore() {
        return reportBefore;
    }

    /** Keeps the report of an ordered close, in the caller's transaction. */
    static void putReport(Connection c, Catalog catalog, CloseReport report) throws SQLException {
        Map<String, Object> said = new LinkedHashMap<>(report.toMap());
        said.put(
                "gaps",
                report.gaps().stream()
                        .map(gap -> Map.of(
                                "table", gap.table(),
                                "from", gap.fromMicros(),
                                "to", gap.toMicros(),
                                "count", gap.count(),
                                "reason", gap.reason().name()))
                        .toList());
        catalog.put(c, "last_report", Json.write(said));
    }

    /** The report of the last ordered close, or null. */
    static @Nullable CloseReport report(Connection c, Catalog catalog) throws SQLException {
        String text = catalog.get(c, "last_report");
        if (text == null) {
            return null;
        }
        Map<String, @Nullable Object> said = Json.object(text);
        List<Gap> gaps = new ArrayList<>();
        for (Object one : list(said, "gaps")) {
            Map<?, ?> gap = (Map<?, ?>) one;
            gaps.add(new Gap(
                    String.valueOf(gap.get("table")),
                    number(gap, "from"),
                    number(gap, "to"),
                    number(gap, "count"),
                    LossReason.valueOf(String.valueOf(gap.get("reason")))));
        }
        return new CloseReport(
                Boolean.TRUE.equals(said.get("clean")),
                number(said, "accepted"),
                number(said, "stored"),
                number(said, "lost"),
                number(said, "uncertain"),
                gaps,
                String.valueOf(said.get("reason")));
    }
}
