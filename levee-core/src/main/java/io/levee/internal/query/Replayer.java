package io.levee.internal.query;

import io.levee.Coverage;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Replay;
import io.levee.TableSpec;
import io.levee.engine.Quarantined;
import io.levee.engine.StorageEngine;
import io.levee.internal.time.Micros;
import io.levee.internal.write.TableState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads a range of rows, oldest first, in windows of event time, each of them in pages that are in memory before they are handed over: no
 * partition, no snapshot and no slot is held for longer than a page is read, however slow the taker is (guarantee G115). One thread.
 *
 * <p>Why nothing is missed that a tail behind {@link Replay#after} does not give: the highest number is asked before the first row is read.
 * A row that was committed by then and is not changed later is where its time says for as long as the replay lasts; everything else has a
 * higher number. What a drop takes before its window came is told in the coverage.
 */
public final class Replayer {
    /** Rows of one page. */
    private static final int PAGE = 1000;

    private final StorageEngine engine;
    private final QueryService queries;
    private final Query query;
    private final TableSpec spec;
    private final long windowMicros;
    private final List<Gap> dropped = new ArrayList<>();
    private Map<PartitionId, PartitionInfo> known;
    private long rows;
    /** Rows from this time on may not have been read. */
    private long unread;

    /**
     * A replay.
     *
     * @param query its range, filter, columns and the deadline of each page count
     * @param window more than 0
     */
    public Replayer(StorageEngine engine, QueryService queries, TableState table, Query query, Duration window) {
        if (window.isZero() || window.isNegative()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "a window must be longer than 0 (got " + window + ")");
        }
        if (query.limit() != Query.NO_LIMIT
                || query.after() != null
                || !query.order().isEmpty()
                || !query.newestPer().isEmpty()) {
            throw new LeveeException(
                            ErrorCode.BAD_QUERY,
                            "a replay has no limit, cursor or order of its own: it gives all, oldest first")
                    .hint("give it a range and a filter");
        }
        this.engine = engine;
        this.queries = queries;
        this.query = query;
        this.spec = table.spec();
        this.windowMicros = Micros.of(window);
        this.known = partitions();
    }

    /** Hands all rows over. Errors as a query; what was handed over until then stays so, and a repetition begins anew. */
    public Replay run(Consumer<PageReader.Stored> taker) {
        long after = queries.highestSeq(spec);
        known = partitions();
        long at = query.fromMicros();
        unread = at;
        for (Long first = oldest(at); first != null; first = at < query.toMicros() ? oldest(at) : null) {
            long end = first > query.toMicros() - windowMicros ? query.toMicros() : first + windowMicros;
            window(first, end, taker);
            unread = end;
            at = end;
        }
        noticeDrops();
        return new Replay(rows, after, coverage());
    }

    /** The event time of the oldest row from a time on, or null. */
    private @Nullable Long oldest(long from) {
        PageReader page = queries.rows(
                page(from, query.toMicros(), 1, null, List.of(spec.time().get(0))));
        try {
            return page.hasNext() ? page.next().timeMicros() : null;
        } finally {
            page.close();
        }
    }

    private void window(long from, long to, Consumer<PageReader.Stored> taker) {
        String after = null;
        do {
            List<PageReader.Stored> read = new ArrayList<>();
            PageReader page = queries.rows(page(from, to, PAGE, after, query.columns()));
            try {
                while (page.hasNext()) {
                    read.add(page.next());
                }
                after = page.nextCursor();
            } finally {
                page.close();
            }
            // Before the taker, who may take long: what goes from now on was read.
            noticeDrops();
            if (!read.isEmpty()) {
                unread = read.get(read.size() - 1).timeMicros();
            }
            read.forEach(taker);
            rows += read.size();
        } while (after != null);
    }

    private Query page(long from, long to, int limit, @Nullable String after, List<String> columns) {
        return new Query(
                query.table(),
                from,
                to,
                query.where(),
                false,
                List.of(),
                List.of(),
                limit,
                after,
                columns,
                query.details() && columns.isEmpty(),
                query.deadline());
    }

    private Map<PartitionId, PartitionInfo> partitions() {
        Map<PartitionId, PartitionInfo> map = new HashMap<>();
        for (PartitionInfo partition : engine.partitions()) {
            if (partition.id().table().equals(spec.name()) && partition.touches(query.fromMicros(), query.toMicros())) {
                map.put(partition.id(), partition);
            }
        }
        return map;
    }

    /** What went since the last look and may have held rows of a time that was not read by then. */
    private void noticeDrops() {
        Map<PartitionId, PartitionInfo> now = partitions();
        Set<PartitionId> aside = new HashSet<>();
        for (Quarantined one : engine.quarantined()) {
            aside.add(one.id());
        }
        known.forEach((id, partition) -> {
            if (!now.containsKey(id)
                    && !aside.contains(id)
                    && partition.maxMicros() >= unread
                    && partition.rows() != 0) {
                dropped.add(new Gap(
                        spec.name(),
                        Math.max(partition.minMicros(), unread),
                        partition.maxMicros(),
                        Gap.UNKNOWN,
                        LossReason.EXPIRED));
            }
        });
        known = now;
    }

    private Coverage coverage() {
        List<Gap> gaps = new ArrayList<>();
        for (Gap gap : queries.coverage(spec).gaps()) {
            if (gap.touches(query.fromMicros(), query.toMicros())) {
                gaps.add(gap);
            }
        }
        gaps.addAll(dropped);
        return gaps.isEmpty() ? Coverage.COMPLETE : new Coverage(gaps);
    }
}
