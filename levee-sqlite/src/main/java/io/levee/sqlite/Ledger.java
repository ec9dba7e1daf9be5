package io.levee.sqlite;

import io.levee.CloseReport;
import io.levee.Gap;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.engine.InFlight;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The ledger of a store that is open for writing. Its one owner is the thread {@code levee-catalog} ({@link Catalog#aside}), before
 * that thread starts and after it has ended the thread that opens and closes the store; {@link #losses} is for any thread.
 *
 * <p>An entry that could not be written is kept and goes before the next one.
 */
final class Ledger {
    /** A ledger that grew past this is written anew. A start reads all of it. */
    static final long COMPACT_BYTES = 256 << 10;

    /** On a full volume the last of what was reserved is for losses: beats leave it alone. */
    private static final int FOR_LOSSES = LedgerFile.AHEAD / 2;

    /** From the year 1 to the year 9999: nobody knows. */
    private static final List<InFlight> ANYTHING =
            List.of(new InFlight("*", -62_135_596_800_000_000L, 253_402_300_799_999_999L));

    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    private final Path path;
    private final Clock wall;
    private final LedgerState state;
    private final LedgerFile file;
    private final String boot;
    private final long lastSeenMicros;
    private final boolean knewMigrations;
    private final List<Map<String, @Nullable Object>> waiting = new ArrayList<>();
    private boolean blind;
    private long compactAt = COMPACT_BYTES;
    private volatile List<Gap> losses = List.of();

    private Ledger(Path path, Clock wall, LedgerState state, LedgerFile file, String boot) {
        this.path = path;
        this.wall = wall;
        this.state = state;
        this.file = file;
        this.boot = boot;
        this.lastSeenMicros = state.seenAt();
        this.knewMigrations = state.knewMigrations();
    }

    /** What the clock showed when the store was last written before this opening. */
    long lastSeenMicros() {
        return lastSeenMicros;
    }

    /** Whether the writer before this one knew of migrations. */
    boolean knewMigrations() {
        return knewMigrations;
    }

    /** Reads the ledger and opens it for appending. */
    static Ledger open(Path path, Clock wall, String boot) {
        try {
            LedgerFile.Content content = LedgerFile.read(path);
            if (content.damaged() > 0) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "{0} holds {1} damaged entries, which are left out",
                        path,
                        content.damaged());
            }
            LedgerState state = new LedgerState();
            content.entries().forEach(state::apply);
            return new Ledger(path, wall, state, LedgerFile.open(path, content.end()), boot);
        } catch (IOException e) {
            throw Volume.failure("the ledger cannot be opened", path, e);
        }
    }

    /**
     * Begins a writer's life: notes what the last one can have lost.
     *
     * @param clean whether the catalog says that the last writer closed in order
     * @param tables the declared tables
     * @param kept the last report as the catalog has it
     * @param created when the store was made: where nothing else is known, since then
     * @return whether the last writer closed in order
     */
    boolean begin(boolean clean, List<String> tables, @Nullable CloseReport kept, long created) {
        CloseReport told = state.endsClosed() ? Reports.of(state.lastReport()) : null;
        CloseReport report = told != null ? told : clean ? kept : null;
        boolean inOrder = clean || report != null && report.clean();
        List<Gap> gaps = new ArrayList<>();
        if (report != null) {
            gaps.addAll(Reports.missing(report, state));
        }
        if (!inOrder && (report == null || !Reports.settled(report))) {
            gaps.addAll(unclean(state, tables, boot, created, Micros.of(wall.instant())));
        }
        try {
            file.extend();
            if (!gaps.isEmpty()) {
                write(LedgerState.lost(gaps), true);
            }
            write(
                    LedgerState.entry(
                            "opened",
                            "boot",
                            boot,
                            "pid",
                            ProcessHandle.current().pid(),
                            LedgerState.MIGRATES,
                            true),
                    true);
        } catch (IOException e) {
            throw Volume.failure("the ledger cannot be written", path, e);
        }
        losses = state.losses();
        return inOrder;
    }

    /** What an unclean stop can have cost: for each table one range without a count. */
    static List<Gap> unclean(LedgerState state, List<String> tables, String boot, long created, long now) {
        long last = state.lastAt() == Long.MIN_VALUE ? created : Math.min(state.lastAt(), now);
        List<InFlight> windows = new ArrayList<>(state.windows("flight"));
        if (!state.boot().equals(boot)) {
            // The machine went down: what was committed and not yet synced may have gone too.
            windows.addAll(state.windows("unsynced"));
        }
        List<Gap> gaps = new ArrayList<>();
        for (String table : tables) {
            long from = last;
            long to = now;
            for (InFlight window : windows) {
                if (window.table().equals(table) || window.table().equals("*")) {
                    from = Math.min(from, window.fromMicros());
                    to = Math.max(to, window.toMicros());
                }
            }
            gaps.add(new Gap(table, from, to, Gap.UNKNOWN, LossReason.UNCLEAN_STOP));
        }
        return gaps;
    }

    /** See {@link io.levee.engine.StorageEngine#ledger}. */
    void note(List<Gap> lost, List<InFlight> flight, List<InFlight> unsynced) {
        try {
            boolean room = file.extend();
            writeWaiting();
            if (!lost.isEmpty()) {
                write(LedgerState.lost(lost), true);
                losses = state.losses();
            }
            if (room || file.left() > FOR_LOSSES) {
                write(LedgerState.beat(flight, unsynced), false);
                blind = false;
            } else if (!blind) {
                write(LedgerState.beat(ANYTHING, ANYTHING), false);
                blind = true;
            }
            compact();
        } catch (IOException e) {
            throw Volume.failure("the ledger cannot be written", path, e);
        }
    }

    /** Keeps a table's floor and dropped number too, so that a rebuilt catalog has them. */
    void marks(String table, TableMarks.Marks to) {
        noteSoon(LedgerState.floor(table, to));
    }

    /** Says that a partition goes before the catalog can say so. Returns whether that is durable. */
    boolean gone(PartitionId id, String reason) {
        noteSoon(LedgerState.gone(id, reason));
        return waiting.isEmpty();
    }

    /** Keeps what is known of an adopted database. Returns whether that is durable. */
    boolean adopted(Map<String, @Nullable Object> entry) {
        noteSoon(entry);
        return waiting.isEmpty();
    }

    /** Keeps what migrations made of the table of an adopted database. Returns whether that is durable. */
    boolean migrated(String table, String spec) {
        if (!spec.equals(state.migrated(table))) {
            noteSoon(LedgerState.entry("migrated", "table", table, "spec", spec));
        }
        return waiting.isEmpty();
    }

    /** What is kept of an adopted database; null where nothing is. */
    @Nullable
    Map<String, @Nullable Object> adoptedEntry(PartitionId id) {
        return state.adopted(id);
    }

    private void noteSoon(Map<String, @Nullable Object> entry) {
        waiting.add(entry);
        try {
            file.extend();
            writeWaiting();
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "the ledger cannot be written; it is tried again each second", e);
        }
    }

    private void writeWaiting() throws IOException {
        while (!waiting.isEmpty()) {
            write(waiting.get(0), true);
            waiting.remove(0);
        }
    }

    private void write(Map<String, @Nullable Object> entry, boolean sync) throws IOException {
        entry.put("at", Micros.of(wall.instant()));
        file.append(entry, sync);
        state.apply(entry);
    }

    private void compact() throws IOException {
        if (file.end() > compactAt) {
            file.replace(state.compacted());
            compactAt = Math.max(COMPACT_BYTES, 2 * file.end());
        }
    }

    /** What was lost, as the ledger has it. Any thread. */
    List<Gap> losses() {
        return losses;
    }

    /** What earlier writers unlinked for space, with the reason: the catalog may not know of it. */
    Map<PartitionId, String> gone() {
        return state.gone();
    }

    /** The floors and dropped numbers. */
    Map<String, TableMarks.Marks> marks() {
        return state.marks();
    }

    /** The report of the last close that the ledger has. */
    @Nullable
    CloseReport lastReport() {
        return Reports.of(state.lastReport());
    }

    /**
     * Ends a writer's life.
     *
     * @param report null where the opening itself failed
     */
    void close(@Nullable CloseReport report) {
        try (file) {
            if (report != null) {
                writeWaiting();
                write(LedgerState.entry("closed", "report", Reports.toMap(report)), true);
            }
        } catch (IOException e) {
            throw Volume.failure("the ledger cannot be closed", path, e);
        }
    }
}
