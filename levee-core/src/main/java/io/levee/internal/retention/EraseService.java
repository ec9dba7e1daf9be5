package io.levee.internal.retention;

import io.levee.EraseReport;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Query;
import io.levee.engine.BackupMark;
import io.levee.engine.Erasure;
import io.levee.engine.RowQuery;
import io.levee.engine.StorageEngine;
import io.levee.internal.query.ExprResolver;
import io.levee.internal.query.PageReader;
import io.levee.internal.query.QueryService;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import io.levee.internal.write.TableState;
import io.levee.internal.write.WriteService;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Erases records: finds them page by page on a query thread, and has the writer delete each page between two batches, so that
 * neither a long transaction nor a long wait of the writer comes of it.
 */
public final class EraseService {
    /** Rows of one slice of the writer. */
    private static final int SLICE = 500;

    private static final Duration PAGE_DEADLINE = Duration.ofMinutes(10);
    private static final Duration BUSY_PATIENCE = Duration.ofSeconds(10);
    private static final Duration BUSY_PAUSE = Duration.ofMillis(50);
    private static final Duration QUEUE_PATIENCE = Duration.ofMinutes(1);

    private final StorageEngine engine;
    private final Clock clock;
    private final QueryService queries;
    private final WriteService writes;
    private final MonotonicClock monotonic = MonotonicClock.SYSTEM;

    /** Wires the parts. */
    public EraseService(StorageEngine engine, Clock clock, QueryService queries, WriteService writes) {
        this.engine = engine;
        this.clock = clock;
        this.queries = queries;
        this.writes = writes;
    }

    /** See {@link io.levee.Table#erase}. */
    public EraseReport erase(TableState table, Expr where) {
        Expr still = ExprResolver.resolve(where, table.spec());
        long spilled = writes.sealSpill();
        if (!writes.flush(QUEUE_PATIENCE)) {
            throw new LeveeException(
                            ErrorCode.DEADLINE,
                            "what was accepted before could not be written within " + QUEUE_PATIENCE)
                    .hint("see status for what keeps the writer, and erase again");
        }
        List<String> pending = new ArrayList<>();
        if (writes.spillHolds(spilled)) {
            pending.add(
                    "spill files with records that were accepted before: they are deleted once all of theirs are written");
        }
        long deleted = 0;
        long adopted = 0;
        String after = null;
        do {
            List<RowQuery.Mark> slice = new ArrayList<>();
            after = page(table, where, after, slice);
            int found = slice.size();
            slice.removeIf(row -> engine.inAdopted(table.spec().name(), row.seq()));
            adopted += found - slice.size();
            if (!slice.isEmpty()) {
                deleted += delete(table, slice, still, pending);
            }
        } while (after != null);
        if (adopted > 0) {
            pending.add(adopted + " records in adopted databases, which are never written to: delete them there with"
                    + " their own program");
        }
        try {
            engine.purgeDropped(table.spec().name());
        } catch (LeveeException e) {
            pending.add(String.valueOf(e.getMessage()));
        }
        backups(pending);
        engine.noteErasure(new Erasure(table.spec().name(), clock.instant(), digest(where), deleted, pending));
        return new EraseReport(deleted, pending);
    }

    /** What was copied out of the store before is out of reach; a new backup in the same directory no longer has it. */
    private void backups(List<String> pending) {
        for (BackupMark backup : engine.backups()) {
            pending.add("the backup in " + backup.directory() + " of " + backup.at()
                    + " may hold such records: make it anew there, or delete it");
        }
    }

    /** A partition that somebody locks is tried again; the rows that stay are told, and the others go all the same. */
    private int delete(TableState table, List<RowQuery.Mark> slice, Expr still, List<String> pending) {
        long end = monotonic.nanos() + BUSY_PATIENCE.toNanos();
        while (true) {
            try {
                return writes.changes().deleteRows(table, slice, still);
            } catch (LeveeException e) {
                if (e.code() != ErrorCode.PARTITION_BUSY) {
                    throw e;
                }
                if (monotonic.nanos() - end > 0) {
                    pending.add("some of " + slice.size() + " records from "
                            + Micros.text(slice.get(0).timeMicros()) + " to "
                            + Micros.text(slice.get(slice.size() - 1).timeMicros()) + ": " + e.getMessage());
                    return 0;
                }
                pause();
            }
        }
    }

    private static void pause() {
        try {
            TimeUnit.NANOSECONDS.sleep(BUSY_PAUSE.toNanos());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LeveeException(ErrorCode.CANCELLED, "the erasure was interrupted; repeat it", e);
        }
    }

    private @Nullable String page(TableState table, Expr where, @Nullable String after, List<RowQuery.Mark> slice) {
        Query query = Query.builder(table.spec().name())
                .where(where)
                .oldestFirst()
                .columns(List.of(table.spec().time().get(0)))
                .limit(SLICE)
                .after(after)
                .deadline(PAGE_DEADLINE)
                .build();
        PageReader rows = queries.rows(query);
        try {
            while (rows.hasNext()) {
                PageReader.Stored row = rows.next();
                slice.add(new RowQuery.Mark(row.timeMicros(), row.seq()));
            }
            return rows.nextCursor();
        } finally {
            rows.close();
        }
    }

    private static String digest(Expr where) {
        try {
            byte[] hash =
                    MessageDigest.getInstance("SHA-256").digest(where.toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new LeveeException(ErrorCode.INTERNAL, "every Java has SHA-256", e);
        }
    }
}
