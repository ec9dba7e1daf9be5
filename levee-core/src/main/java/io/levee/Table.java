package io.levee;

import io.levee.internal.write.TableState;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A table of a store, as records of one type. Thread-safe.
 *
 * @param <T> the type of its records
 */
public final class Table<T> {
    /** Most rows that a key has: its own, and those of adopted databases. */
    private static final long KEY_ROWS = 100;

    private final Store store;
    private final TableState state;
    private final RowCodec<T> codec;

    Table(Store store, TableState state, RowCodec<T> codec) {
        this.store = store;
        this.state = state;
        this.codec = codec;
    }

    /** What the table is, with all columns that it ever had. */
    public TableSpec spec() {
        return state.spec();
    }

    /**
     * Hands a record to the queue. Under {@link Overflow.DropOldest} this never blocks: where the queue is full, the oldest
     * record that nobody waits for is lost, and counted.
     *
     * @param record the record
     * @throws LeveeException when it is refused: {@link ErrorCode#BAD_VALUE}, {@link ErrorCode#NO_TIME},
     *     {@link ErrorCode#NO_KEY}, {@link ErrorCode#TIME_REFUSED}, {@link ErrorCode#QUEUE_FULL} where the policy says so,
     *     {@link ErrorCode#CLOSED}, {@link ErrorCode#NOT_WRITABLE}
     */
    public void append(T record) {
        store.writes().append(state, row(record, Row.of(codec.spec())));
    }

    /**
     * Hands a record to the queue and tells when it has reached a level. It is never evicted.
     *
     * @param record the record
     * @param level the level to wait for
     * @return the receipt; ends with {@link RecordLostException} or another {@link LeveeException} where the record could not
     *     be written. Its stages run on a thread of their own, never on the writer.
     * @throws LeveeException as {@link #append(Object)}, at once
     */
    public CompletableFuture<Receipt> append(T record, Ack level) {
        return store.writes().append(state, row(record, Row.of(codec.spec())), level);
    }

    /**
     * Hands many records to the queue, in order, with the store's overflow policy.
     *
     * @see #appendAll(List, Ack, Overflow)
     */
    public CompletableFuture<BatchReceipt> appendAll(List<T> records, Ack level) {
        return appendAll(records, level, store.options().overflow());
    }

    /**
     * Hands many records to the queue, in order. Records that are refused are named in the receipt; the others are taken.
     *
     * @param records the records
     * @param level the level to wait for
     * @param overflow what happens when the queue is full
     * @return the receipt, once every record is settled (at once for {@link Ack#ACCEPTED})
     * @throws LeveeException {@link ErrorCode#QUEUE_FULL} (nothing of the batch was queued under {@link Overflow.Reject}),
     *     {@link ErrorCode#TOO_LARGE} for a batch larger than the queue under {@link Overflow.Reject},
     *     {@link ErrorCode#CLOSED}, {@link ErrorCode#NOT_WRITABLE}
     */
    public CompletableFuture<BatchReceipt> appendAll(List<T> records, Ack level, Overflow overflow) {
        List<BatchReceipt.Rejection> rejected = new ArrayList<>();
        List<Row> rows = new ArrayList<>(records.size());
        int[] indexes = new int[records.size()];
        RowBuilder builder = Row.of(codec.spec());
        for (int i = 0; i < records.size(); i++) {
            try {
                indexes[rows.size()] = i;
                rows.add(row(records.get(i), builder));
            } catch (LeveeException e) {
                rejected.add(new BatchReceipt.Rejection(i, e));
            }
        }
        return store.writes().appendAll(state, rows, indexes, rejected, List.of(), level, overflow);
    }

    /**
     * The record of a key, as far as it is committed: a record that was only accepted is found after {@link Store#flush}.
     *
     * @param key the values of the key's columns, in the order of the spec
     * @return the record, with its details
     * @throws LeveeException {@link ErrorCode#BAD_QUERY} where the table has no key or the values do not fit it
     */
    public Optional<T> find(Object... key) {
        return findWithin(Query.DEFAULT_DEADLINE, key);
    }

    /**
     * As {@link #find}, within a deadline.
     *
     * @param deadline waiting, running and fetching together
     * @param key as for {@link #find}
     * @throws LeveeException also {@link ErrorCode#DEADLINE}
     */
    public Optional<T> findWithin(Duration deadline, Object... key) {
        RecordKey checked = new RecordKey(spec(), key);
        Optional<Row> newest = rows(checked, deadline, 1).stream().findFirst();
        if (newest.isPresent() && store.inAdopted(spec().name(), newest.get().seq())) {
            // The table may have the key too: its own row counts, whatever their times.
            newest = rows(checked, deadline, KEY_ROWS).stream().max(Comparator.comparingLong(Row::seq));
        }
        return newest.map(codec::decode);
    }

    private List<Row> rows(RecordKey key, Duration deadline, long limit) {
        try (Result<Row> found = store.query(Query.builder(spec().name())
                .where(key.filter())
                .details()
                .limit(limit)
                .deadline(deadline)
                .build())) {
            return found.toList();
        }
    }

    /**
     * Changes some columns of one record: after all records that were accepted before this call, and before all later ones.
     *
     * @param changes new values by column; null is a value
     * @param level the level to wait for; {@link Ack#ACCEPTED} waits for {@link Ack#COMMITTED}
     * @param key as for {@link #find}
     * @return whether there was such a record. Ends with {@link ErrorCode#PARTITION_BUSY} where it could not be written now
     * @throws LeveeException {@link ErrorCode#UNKNOWN_COLUMN}, {@link ErrorCode#BAD_VALUE} (also for a column of the key), at once
     */
    public CompletableFuture<Boolean> update(Map<String, ?> changes, Ack level, Object... key) {
        RecordKey checked = new RecordKey(spec(), key);
        checked.requireNotChanged(changes);
        return store.writes()
                .changes()
                .update(state, checked.stored(), (spec, old) -> RecordKey.changed(spec, old, changes), level);
    }

    /**
     * Deletes one record: after all records that were accepted before this call, and before all later ones.
     *
     * @param level as for {@link #update}
     * @param key as for {@link #find}
     * @return whether there was such a record. Ends with {@link ErrorCode#PARTITION_BUSY} where it could not be deleted now
     */
    public CompletableFuture<Boolean> delete(Ack level, Object... key) {
        return store.writes().changes().delete(state, new RecordKey(spec(), key).stored(), level);
    }

    /**
     * Deletes every record that a filter lets through, for good: in slices between the writer's batches, durably, in what drops
     * have left behind too, and noted in the catalog (without the filter's text). Covers all records accepted before this call.
     * Runs on the calling thread and may take as long as reading the table.
     *
     * @param where which records
     * @throws LeveeException as a query; what was deleted until then stays deleted, and the call can be repeated
     */
    public EraseReport erase(Expr where) {
        return store.erase(state, where);
    }

    /**
     * Follows the table. The tail has to be closed.
     *
     * @param after the number of the last record that is known, 0 for all there are, {@link Tail#NOW} for new ones only
     */
    public Tail<T> tail(long after) {
        return store.tail(state, codec::decode, after);
    }

    /**
     * Follows the table from a place that the store keeps under a name, across restarts: each entry comes at least once. The cursor has to
     * be closed; its place stays until {@link #deleteCursor}. A new one begins with everything there is.
     *
     * @param name letters, digits, dots, underscores and hyphens, at most 64
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for another name, {@link ErrorCode#LIMIT_EXCEEDED} past
     *     {@link TailCursor#MAX_CURSORS} of a table, and where it cannot be written
     */
    public TailCursor<T> cursor(String name) {
        return cursor(name, 0);
    }

    /**
     * As {@link #cursor(String)}.
     *
     * @param begin where it begins if it is new: the number of the last record that is known, 0 for all there are, {@link Tail#NOW} for
     *     new ones only
     */
    public TailCursor<T> cursor(String name, long begin) {
        return store.cursor(state, codec::decode, name, begin);
    }

    /**
     * Says durably how far the reader of a named cursor is, where it does not read through a {@link TailCursor} itself: for servers. One
     * that is not there yet is made at this place.
     *
     * @param name the cursor's name
     * @param number up to which the reader is done; a lower one than before changes nothing
     * @param gapUpTo the {@link Tail.Missed#upTo} of a gap that the reader was told, so that it is not told again; or null
     * @return what is kept now
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for a number that no record has yet, and as {@link #cursor(String)}
     */
    public CursorInfo acknowledge(String name, long number, @Nullable Long gapUpTo) {
        return store.acknowledge(state, name, number, gapUpTo);
    }

    /** Forgets a named cursor. Returns whether there was one. */
    public boolean deleteCursor(String name) {
        return store.deleteCursor(state, name);
    }

    /**
     * Takes records over from a source that can be read again, each exactly once, whatever happens to this process.
     *
     * @param name the source's name, such as {@code follow:/var/log/app.log}; one table may have many
     * @return the source, which knows where it was
     * @throws LeveeException {@link ErrorCode#NOT_WRITABLE}, {@link ErrorCode#BAD_VALUE} for a blank name
     */
    public Source<T> source(String name) {
        store.writes();
        return new Source<>(store, state, codec, name);
    }

    /** The event time of its newest row; empty where it has none. Reads one row (guarantee G53). Errors as {@link TableQuery#run}. */
    public Optional<Instant> newest() {
        return query().newest();
    }

    /** The event time of its oldest row. As {@link #newest}. */
    public Optional<Instant> oldest() {
        return query().oldest();
    }

    /** Starts a query of this table: newest first, without a limit. */
    public TableQuery<T> query() {
        return new TableQuery<>(store, state, codec);
    }

    private Row row(T record, RowBuilder builder) {
        return row(codec, record, builder);
    }

    static <T> Row row(RowCodec<T> codec, T record, RowBuilder builder) {
        if (record instanceof Row row) {
            return row;
        }
        builder.clear();
        codec.encode(record, builder);
        return builder.build();
    }
}
