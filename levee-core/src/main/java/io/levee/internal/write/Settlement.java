package io.levee.internal.write;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.RecordLostException;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Says what became of records: to the books, to those who wait for them, and to health. Writer thread, and the closing thread when the
 * writer hangs; {@link #troubles} and {@link #waiting} any thread.
 */
final class Settlement {
    private final WriteQueue queue;
    private final LossLog losses;
    private final Receipts receipts;
    /** What keeps all records of a table from being written. */
    private final Map<TableState, Met> troubles = new ConcurrentHashMap<>();
    /** What keeps some keys of a table from being written. */
    private final Map<TableState, Met> busy = new ConcurrentHashMap<>();

    private final Clock wall;
    private final Latency latency = new Latency();

    /** An error that was met again and again since it came up. */
    private record Met(LeveeException error, long sinceMicros, boolean partly, long lastNanos) {}

    Settlement(WriteQueue queue, LossLog losses, Receipts receipts, Clock wall) {
        this.wall = wall;
        this.queue = queue;
        this.losses = losses;
        this.receipts = receipts;
    }

    /**
     * The engine has tried rows of one table.
     *
     * @return how many were stored
     */
    int tried(TableState table, List<Pending> rows) {
        List<Runnable> completions = new ArrayList<>();
        LeveeException trouble = null;
        LeveeException locked = null;
        int stored = 0;
        int updated = 0;
        long now = MonotonicClock.SYSTEM.nanos();
        for (Pending row : rows) {
            switch (row.outcome()) {
                case RETRY -> {
                    LeveeException error = error(row, "the engine asks to try again");
                    if (Lanes.busy(error) && table.spec().keyed()) {
                        locked = error;
                    } else {
                        trouble = error;
                    }
                }
                case UNCERTAIN -> trouble = error(row, "a commit failed without saying whether it took effect");
                case STORED, UPDATED, KNOWN -> {
                    stored++;
                    updated += row.outcome() == Outcome.UPDATED ? 1 : 0;
                    latency.took(now - row.queuedNanos());
                    table.sawTime(row.timeMicros());
                    tell(row, completions);
                }
                default -> {
                    LeveeException error = failed(row);
                    trouble = error == null ? trouble : error;
                    tell(row, completions);
                }
            }
        }
        // Before the books: who waits for a record to be settled finds health as it is then.
        note(troubles, table, trouble, stored > 0);
        note(busy, table, locked, stored > 0);
        queue.tried(table, rows);
        if (updated > 0) {
            table.removed(updated);
        }
        if (stored > 0) {
            table.changed();
        }
        receipts.deliver(completions);
        return stored;
    }

    private static LeveeException error(Pending row, String otherwise) {
        LeveeException error = row.error();
        return error == null ? new LeveeException(ErrorCode.INTERNAL, otherwise) : error;
    }

    private void note(Map<TableState, Met> map, TableState table, @Nullable LeveeException error, boolean partly) {
        if (error == null) {
            map.remove(table);
        } else {
            Met before = map.get(table);
            long since = before == null ? Micros.of(wall.instant()) : before.sinceMicros();
            map.put(table, new Met(error, since, partly, MonotonicClock.SYSTEM.nanos()));
        }
    }

    /** The trouble behind a failed row; null where it is past its promise, which is none of the writer's. */
    private static @Nullable LeveeException failed(Pending row) {
        LeveeException error = error(row, "a write failed");
        if (error instanceof RecordLostException lost) {
            return lost.reason() == LossReason.EXPIRED ? null : error;
        }
        lose(row, LossReason.WRITE_FAILED, "the record could not be written: " + error.getMessage(), error);
        return error;
    }

    private static void lose(Pending row, LossReason reason, String what, @Nullable Throwable cause) {
        row.settle(Outcome.FAILED, 0, new RecordLostException(reason, what, cause));
    }

    private static void tell(Pending row, List<Runnable> completions) {
        Waiter waiter = row.waiter();
        Runnable completion = waiter == null ? null : waiter.settled(row);
        if (completion != null) {
            completions.add(completion);
        }
    }

    /** Gives up what somebody waits for and what could not be written for so long; what nobody waits for stays. */
    void giveUpOverdue(Duration patience) {
        List<Pending> overdue = queue.overdue(patience);
        if (overdue.isEmpty()) {
            return;
        }
        List<Runnable> completions = new ArrayList<>();
        Map<TableState, List<Pending>> lost = new LinkedHashMap<>();
        for (Pending entry : overdue) {
            LeveeException why = why(entry.table());
            String what = " within " + patience.toSeconds() + " s" + (why == null ? "" : ": " + why.getMessage());
            if (entry instanceof Change change) {
                change.refuse(new LeveeException(
                        why == null ? ErrorCode.DEADLINE : why.code(),
                        "records accepted before the change could not be written" + what,
                        why));
                queue.made(change);
            } else if (entry.uncertain()) {
                doubt(entry, "nobody could find out whether the record was stored" + what, why, completions);
            } else {
                lose(entry, LossReason.WRITE_FAILED, "the record could not be written" + what, why);
                tell(entry, completions);
                lost.computeIfAbsent(entry.table(), t -> new ArrayList<>()).add(entry);
            }
        }
        lost.forEach(queue::tried);
        receipts.deliver(completions);
    }

    private @Nullable LeveeException why(TableState table) {
        Met trouble = troubles.getOrDefault(table, busy.get(table));
        return trouble == null ? null : trouble.error();
    }

    /** Answers the one who waits for an uncertain record, which itself stays in hand. */
    private static void doubt(Pending row, String what, @Nullable LeveeException why, List<Runnable> completions) {
        Waiter waiter = row.waiter();
        if (waiter != null) {
            Runnable completion = waiter.lost(new RecordLostException(LossReason.UNCERTAIN, what, why));
            row.answered();
            if (completion != null) {
                completions.add(completion);
            }
        }
    }

    /** The store closes: nothing of this will be written. Uncertain records end so, all others are lost. */
    void giveUpAll(List<Pending> left) {
        List<Runnable> completions = new ArrayList<>();
        Map<TableState, List<Pending>> byTable = new LinkedHashMap<>();
        for (Pending entry : left) {
            if (entry instanceof Change change) {
                change.refuse(new LeveeException(ErrorCode.CLOSED, "the store closed before the change could be made"));
                queue.made(change);
                continue;
            }
            if (entry.spilled() != null) {
                // It stays in its file, and is written after the next opening.
                continue;
            }
            byTable.computeIfAbsent(entry.table(), t -> new ArrayList<>()).add(entry);
            if (entry.uncertain()) {
                losses.note(entry.table().spec().name(), entry.timeMicros(), LossReason.UNCERTAIN);
                doubt(entry, "the store closed before anybody could find out whether it was stored", null, completions);
            } else {
                lose(entry, LossReason.SHUTDOWN, "the store closed before the record could be written", null);
                tell(entry, completions);
            }
        }
        byTable.forEach(queue::tried);
        receipts.deliver(completions);
    }

    /** How long records took from acceptance to commit. */
    Latency latency() {
        return latency;
    }

    /** What keeps records of whole tables from being written. */
    List<Trouble> troubles() {
        return list(troubles);
    }

    /** What keeps records of some keys from being written. */
    List<Trouble> waiting() {
        return list(busy);
    }

    private static List<Trouble> list(Map<TableState, Met> map) {
        List<Trouble> list = new ArrayList<>();
        map.forEach((table, met) -> list.add(new Trouble(
                table.spec().name(),
                met.error().code(),
                met.error().what(),
                met.error().hint(),
                met.sinceMicros(),
                met.partly(),
                met.lastNanos())));
        return list;
    }
}
