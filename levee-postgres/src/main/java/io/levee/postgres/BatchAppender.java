package io.levee.postgres;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.SeqSource;
import io.levee.engine.Slot;
import io.levee.engine.SourceMark;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Writes one batch of one table in one transaction, by {@code COPY} into the partitions' own tables. Owned by the writer thread.
 *
 * <p>Invariants:
 * <ol>
 *   <li>numbers are given in commit order, and what a partition holds by the catalog is committed with its rows;
 *   <li>a row of a known key is replaced: its old version is deleted where it is, the new one keeps its number and goes where its
 *       event time and its class belong;
 *   <li>a key that comes twice in a batch becomes one row with the later values;
 *   <li>a row is settled only after its commit, or with the error that kept it from being written;
 *   <li>after a commit that nobody answered nothing is written before it is known whether it took effect: its rows are uncertain until
 *       then, and there once whatever comes;
 *   <li>what cannot be written keeps back nothing else: a batch that fails is written again partition by partition, and a partition
 *       whose rows are refused by halves.
 * </ol>
 */
final class BatchAppender {
    /** How long a batch may try partitions that are locked, one after the other. */
    private static final Duration PATIENCE = Duration.ofMillis(300);

    private final WriterSession session;
    private final Catalog catalog;
    private final Leaves leaves;
    private final KeyLookup keys;
    private final Sources sources;
    private final CopyWriter copy;
    private final AdoptedOverrides overrides;
    private final ComingRows coming;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final AtomicLong handed = new AtomicLong();
    private @Nullable Doubt doubt;
    /** Rows that were found to be committed and have not come again yet, by table. */
    private final Map<String, IdentityHashMap<WriteRow, Item>> found = new HashMap<>();

    BatchAppender(
            WriterSession session,
            Catalog catalog,
            Leaves leaves,
            KeyLookup keys,
            Sources sources,
            AdoptedOverrides overrides,
            ComingRows coming) {
        this.overrides = overrides;
        this.coming = coming;
        this.session = session;
        this.catalog = catalog;
        this.leaves = leaves;
        this.keys = keys;
        this.sources = sources;
        this.copy = new CopyWriter(catalog.names());
    }

    /** What one partition gets from a transaction, and loses to it. */
    private static final class Share {
        private final List<Item> items = new ArrayList<>();
        private final List<Item> replaced = new ArrayList<>();
        private final Map<String, Long> marks = new HashMap<>();
        private long min = Long.MAX_VALUE;
        private long max = Long.MIN_VALUE;
        private long maxSeq;
        private long rows;
    }

    /**
     * A transaction whose commit nobody answered. Each has an item, and so a number that is higher than any before it in its partition:
     * the catalog's highest number, committed with the rows, tells later whether it took effect.
     *
     * @param rows the rows that it stands for
     */
    private record Doubt(
            String table, Leaf leaf, long maxSeq, Map<Leaf, Share> shares, IdentityHashMap<WriteRow, Item> rows) {}

    /** How many rows it was handed. Any thread. */
    long handed() {
        return handed.get();
    }

    /** See {@link io.levee.engine.StorageEngine#append}. */
    void append(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq) {
        handed.addAndGet(rows.size());
        coming.handed(rows);
        tryAppend(spec, rows, level, seq);
        coming.tried(rows);
    }

    private void tryAppend(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq) {
        List<? extends WriteRow> left = rows;
        try {
            resolveDoubt();
            left = withoutStored(spec, rows);
            if (left.stream().anyMatch(row -> row.outcome() == Outcome.UNCERTAIN)) {
                // Their commit took no effect. They come again as what they are now: retention may have passed them.
                failRows(left, notCommitted(), true);
                return;
            }
            leaves.follow();
            left = sources.withoutKnown(spec, left);
            List<Item> items = targeted(spec, items(spec, left));
            if (!items.isEmpty()) {
                write(spec, items, level, seq);
            }
        } catch (SQLException e) {
            if (Postgres.gone(e)) {
                // Whichever of these it was that met the end of the connection: the next batch needs another one.
                session.lost();
            }
            failRows(left, failure(e), later(e) || outdated(spec, e));
        } catch (LeveeException e) {
            failRows(left, e, e.retryable());
        }
    }

    private static LeveeException notCommitted() {
        return new LeveeException(
                ErrorCode.SERVER_UNAVAILABLE,
                "the connection was lost before the rows were committed; they are written again");
    }

    private List<Item> items(TableSpec spec, List<? extends WriteRow> rows) throws SQLException {
        if (spec.keyed()) {
            return keys.items(spec, rows);
        }
        List<Item> items = new ArrayList<>(rows.size());
        for (WriteRow row : rows) {
            items.add(new Item(row));
        }
        return items;
    }

    /** Finds or makes the partition of each row; those that have none now are settled and left out. */
    private List<Item> targeted(TableSpec spec, List<Item> items) {
        List<Item> ready = new ArrayList<>(items.size());
        Map<Slot, LeveeException> refused = new HashMap<>();
        LeveeException locked = null;
        Leaf last = null;
        for (Item item : items) {
            WriteRow row = item.row();
            LeveeException why = item.refused() == null ? refused.get(row.slot()) : item.refused();
            if (why == null && !movable(item)) {
                why = new LeveeException(
                        ErrorCode.PARTITION_BUSY, "the row of its key is in a partition that is being dropped");
            } else if (why == null && (last == null || !takes(last, row) || last.state() != Leaf.State.OPEN)) {
                boolean missing = !leaves.there(spec, row.slot().retentionClass(), row.timeMicros());
                try {
                    // One wait for a lock a batch: what keeps one partition from being made keeps all others of the
                    // table.
                    if (missing && locked != null) {
                        throw locked;
                    }
                    last = leaves.forTime(spec, row.slot(), row.timeMicros());
                } catch (LeveeException e) {
                    refused.put(row.slot(), e);
                    locked = missing && e.code() == ErrorCode.PARTITION_BUSY ? e : locked;
                    why = e;
                }
            }
            if (why != null) {
                fail(item, why, why.retryable());
            } else {
                item.target(Objects.requireNonNull(last));
                ready.add(item);
            }
        }
        return ready;
    }

    private static boolean takes(Leaf leaf, WriteRow row) {
        return leaf.covers(row.timeMicros())
                && leaf.id().retentionClass().equals(row.slot().retentionClass());
    }

    /** Whether the old version of a row, if there is one, is where it can be deleted. */
    private static boolean movable(Item item) {
        Leaf old = item.old();
        return old == null || old.opened();
    }

    /**
     * Why a transaction came to nothing.
     *
     * @param later whether trying again may help
     * @param whole whether it would come to nothing in parts too
     * @param badRow whether a value of some row is at fault
     */
    private record Trouble(LeveeException error, boolean later, boolean whole, boolean badRow) {
        static Trouble of(SQLException e) {
            return new Trouble(failure(e), BatchAppender.later(e), Postgres.gone(e), Postgres.badRow(e));
        }

        static Trouble of(LeveeException e) {
            return new Trouble(e, e.retryable(), e.code() != ErrorCode.PARTITION_BUSY, false);
        }
    }

    /**
     * One transaction, or as many as it takes to keep what cannot be written from the rest.
     *
     * @return why some of it was put off, or null
     */
    private @Nullable Trouble write(TableSpec spec, List<Item> items, Ack level, SeqSource seq) {
        if (doubt != null) {
            // A part before this one is in doubt: that has to be known first.
            Trouble unknown = Trouble.of(new LeveeException(
                    ErrorCode.SERVER_UNAVAILABLE,
                    "the connection was lost while other rows of the batch were written"));
            failAll(items, unknown.error, true);
            return unknown;
        }
        Map<Leaf, Share> shares = shares(items);
        Trouble trouble = tryOnce(spec, shares, level, seq);
        if (trouble == null) {
            items.forEach(Item::stored);
            return null;
        }
        List<List<Item>> parts = parts(items, shares, trouble);
        if (parts.size() == 1 || doubt != null) {
            failAll(items, trouble.error, trouble.later);
            return trouble.later ? trouble : null;
        }
        long end = clock.nanos() + PATIENCE.toNanos();
        Trouble putOff = null;
        for (List<Item> part : parts) {
            // Within a partition a later row must not overtake one that waits: its source's position would take both
            // for stored.
            // And what ended the connection ended it for all.
            if (putOff != null
                    && (putOff.whole || part.get(0).target().equals(items.get(0).target()))) {
                failAll(part, putOff.error, true);
            } else if (trouble.later && clock.nanos() - end > 0) {
                failAll(part, trouble.error, true);
                putOff = trouble;
            } else {
                Trouble more = write(spec, part, level, seq);
                putOff = more == null ? putOff : more;
            }
        }
        return putOff;
    }

    private @Nullable Trouble tryOnce(TableSpec spec, Map<Leaf, Share> shares, Ack level, SeqSource seq) {
        try {
            coming.write(
                    () -> session.transaction(c -> fill(c, spec, shares, level, seq), () -> doubt = doubtOf(shares)));
            shares.forEach((leaf, share) -> {
                leaf.add(share.min, share.max, share.rows, share.maxSeq);
                sources.advanced(leaf.id(), share.marks);
            });
            return null;
        } catch (SQLException e) {
            return outdated(spec, e) ? new Trouble(failure(e), true, true, false) : Trouble.of(e);
        } catch (LeveeException e) {
            return Trouble.of(e);
        }
    }

    private static Map<Leaf, Share> shares(List<Item> items) {
        Map<Leaf, Share> shares = new LinkedHashMap<>();
        Leaf last = null;
        Share share = new Share();
        for (Item item : items) {
            if (!item.target().equals(last)) {
                last = item.target();
                share = shares.computeIfAbsent(last, l -> new Share());
            }
            share.items.add(item);
            SourceMark mark = item.row().source();
            if (mark != null) {
                share.marks.merge(mark.source(), mark.position(), Math::max);
            }
            if (item.old() != null) {
                shares.computeIfAbsent(item.old(), l -> new Share()).replaced.add(item);
            }
        }
        return shares;
    }

    /** What a failed batch is tried again as: itself where that would be no use. */
    private static List<List<Item>> parts(List<Item> items, Map<Leaf, Share> shares, Trouble trouble) {
        List<List<Item>> byLeaf = new ArrayList<>();
        shares.values().stream().filter(s -> !s.items.isEmpty()).forEach(s -> byLeaf.add(s.items));
        if (byLeaf.size() > 1 && !trouble.whole) {
            return byLeaf;
        }
        if (trouble.badRow && items.size() > 1) {
            int half = items.size() / 2;
            return List.of(items.subList(0, half), items.subList(half, items.size()));
        }
        return List.of(items);
    }

    private void fill(Connection c, TableSpec spec, Map<Leaf, Share> shares, Ack level, SeqSource seq)
            throws SQLException {
        if (level == Ack.DURABLE) {
            Postgres.run(c, "SET LOCAL synchronous_commit = on");
        }
        List<Item> replaced =
                shares.values().stream().flatMap(s -> s.replaced.stream()).toList();
        if (!replaced.isEmpty()) {
            Postgres.run(c, KeyLookup.BY_INDEX);
            coming.note(c, spec, replaced);
        }
        for (Map.Entry<Leaf, Share> entry : shares.entrySet()) {
            if (!entry.getValue().replaced.isEmpty()) {
                entry.getValue().rows = -deleteOld(c, spec, entry.getKey(), entry.getValue().replaced);
            }
        }
        for (Map.Entry<Leaf, Share> entry : shares.entrySet()) {
            Share share = entry.getValue();
            for (Item item : share.items) {
                item.number(seq.next());
                share.min = Math.min(share.min, item.row().timeMicros());
                share.max = Math.max(share.max, item.row().timeMicros());
                share.maxSeq = Math.max(share.maxSeq, Math.max(item.seq(), item.change()));
            }
            if (!share.items.isEmpty()) {
                overrides.put(c, share.items);
                copy.copy(c, spec, entry.getKey(), share.items);
                share.rows += share.items.size();
            }
            count(c, entry.getKey(), share);
            sources.advance(c, entry.getKey().id(), share.marks);
        }
    }

    private void count(Connection c, Leaf leaf, Share share) throws SQLException {
        if (share.items.isEmpty()) {
            catalog.subtract(c, leaf.id(), -share.rows);
        } else if (!catalog.add(c, leaf.id(), share.min, share.max, share.rows, share.maxSeq)) {
            throw new LeveeException(
                    ErrorCode.PARTITION_BUSY, "the catalog says that the partition " + leaf.id() + " takes no rows");
        }
    }

    private int deleteOld(Connection c, TableSpec spec, Leaf leaf, List<Item> replaced) throws SQLException {
        String sql = "DELETE FROM " + catalog.names().in(leaf.name()) + " p USING unnest(?::bigint[], ?::bigint[]) AS"
                + " k(micros, seq) WHERE p." + Names.time(spec) + " = k.micros AND p._seq = k.seq";
        try (PreparedStatement statement = c.prepareStatement(sql)) {
            statement.setArray(
                    1,
                    c.createArrayOf(
                            "bigint", replaced.stream().map(Item::oldMicros).toArray()));
            statement.setArray(
                    2,
                    c.createArrayOf("bigint", replaced.stream().map(Item::seq).toArray()));
            return statement.executeUpdate();
        }
    }

    // What nobody knows

    private static Doubt doubtOf(Map<Leaf, Share> shares) {
        // Ranges are never narrower than what may be committed.
        shares.forEach((leaf, share) -> leaf.add(share.min, share.max, 0, 0));
        Map.Entry<Leaf, Share> any = shares.entrySet().stream()
                .filter(e -> !e.getValue().items.isEmpty())
                .findFirst()
                .orElseThrow();
        IdentityHashMap<WriteRow, Item> rows = new IdentityHashMap<>();
        shares.values().forEach(share -> share.items.forEach(item -> item.rows().forEach(row -> rows.put(row, item))));
        return new Doubt(any.getKey().id().table(), any.getKey(), any.getValue().maxSeq, shares, rows);
    }

    /**
     * Finds out whether the last transaction of a lost connection was committed: its rows and the catalog's figures were written
     * together, and the new connection has the lock only after the old session's end.
     */
    private void resolveDoubt() throws SQLException {
        Doubt open = doubt;
        if (open == null) {
            return;
        }
        Connection c = session.take();
        try {
            // Behind a new connection what each partition holds is read again, with or without these.
            leaves.follow();
            Leaf.Held held = catalog.held(c, open.leaf.id());
            if (held != null && held.maxSeq() >= open.maxSeq) {
                open.rows.forEach(found.computeIfAbsent(open.table, t -> new IdentityHashMap<>())::put);
            }
            doubt = null;
        } catch (SQLException e) {
            if (Postgres.gone(e)) {
                session.lost();
            }
            throw e;
        }
    }

    /** Rows that come again although they were committed are settled, and not written twice. */
    private List<? extends WriteRow> withoutStored(TableSpec spec, List<? extends WriteRow> rows) {
        IdentityHashMap<WriteRow, Item> stored = found.get(spec.name());
        if (stored == null) {
            return rows;
        }
        List<WriteRow> left = new ArrayList<>();
        for (WriteRow row : rows) {
            Item item = stored.remove(row);
            if (item == null) {
                left.add(row);
            } else {
                item.tell(row);
            }
        }
        if (stored.isEmpty() || left.size() == rows.size()) {
            // They come before later rows: where none of a batch is one of them, the others were given up and never
            // come.
            found.remove(spec.name());
        }
        return left;
    }

    // What went wrong

    private static LeveeException failure(SQLException e) {
        return Postgres.failure("a batch cannot be written", e);
    }

    /** Whether a column has been renamed or dropped since the rows were laid out: they come again by the newest spec. */
    private boolean outdated(TableSpec spec, SQLException e) {
        if (!Postgres.says(e, "42703")) {
            return false;
        }
        try {
            return !spec.equals(catalog.table(session.take(), spec.name()));
        } catch (SQLException | LeveeException unknown) {
            return true;
        }
    }

    private static boolean later(SQLException e) {
        return failure(e).retryable() || Postgres.cancelled(e);
    }

    private Outcome outcome(WriteRow row, boolean later) {
        if (doubt != null && doubt.rows.containsKey(row)) {
            return Outcome.UNCERTAIN;
        }
        return later ? Outcome.RETRY : Outcome.FAILED;
    }

    private void failAll(List<Item> items, LeveeException error, boolean later) {
        items.forEach(item -> fail(item, error, later));
    }

    private void fail(Item item, LeveeException error, boolean later) {
        failRows(item.rows(), error, later);
    }

    private void failRows(List<? extends WriteRow> rows, LeveeException error, boolean later) {
        rows.forEach(row -> row.settle(outcome(row, later), 0, error));
    }
}
