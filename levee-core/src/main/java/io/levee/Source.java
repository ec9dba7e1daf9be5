package io.levee;

import io.levee.engine.SourceMark;
import io.levee.engine.SourcePoint;
import io.levee.internal.write.TableState;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Records of a source that can be read again (a file, a log, a peer), each taken over exactly once, whatever happens to this process.
 *
 * <p>The source gives every record a <b>position</b>: a number from 1 that rises from record to record and is the same whenever the
 * record is read again, such as the byte at which its line ends. Why nothing is repeated and nothing lost:
 * <ol>
 *   <li>In the commit that stores rows, the engine stores the highest of their positions, in the same partition. So either both are
 *       there or none.
 *   <li>The rows of one source are written in the order of their positions, and what is behind a row that has to wait waits too. So a
 *       partition that has a position has every earlier record of its period.
 *   <li>{@link #checkpoint} says durably up to where everything is settled. A replay begins there; records that a partition has are
 *       settled as {@code known} and not written again.
 * </ol>
 *
 * <p>In a table with a key, a replayed record is written again as the upsert that it is, which changes nothing.
 *
 * <p>Records of a source are never evicted from the queue. Used by one thread at a time.
 *
 * <pre>{@code
 * Source<Row> source = table.source("events.log");
 * file.seek(source.start().position());                       // read again what is not settled
 * source.append(records, endsOfTheirLines, Ack.DURABLE).join();
 * source.checkpoint(source.settled(), "");                    // the next start begins here
 * }</pre>
 *
 * @param <T> the type of the table's records
 */
public final class Source<T> {
    private final Store store;
    private final TableState state;
    private final RowCodec<T> codec;
    private final String name;
    private final SourcePoint start;
    private final Deque<Flight> flying = new ArrayDeque<>();
    private long handed;
    private long checkpoint;

    /** A batch that is not known to be settled, and the positions of its first and last record. */
    private record Flight(long first, long last, CompletableFuture<BatchReceipt> receipt) {}

    Source(Store store, TableState state, RowCodec<T> codec, String name) {
        if (name.isBlank()) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "a source needs a name");
        }
        if (name.startsWith("levee:")) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "names of sources that begin with 'levee:' are reserved");
        }
        this.store = store;
        this.state = state;
        this.codec = codec;
        this.name = name;
        this.start = store.sourcePoint(state, name);
        this.handed = start.position();
        this.checkpoint = start.position();
    }

    /** The source's name, unique in its table. */
    public String name() {
        return name;
    }

    /** Where reading begins: after this position. {@link SourcePoint#START} where nothing was said so far. */
    public SourcePoint start() {
        return start;
    }

    /** The position of the last record that was handed over; at first that of {@link #start}. */
    public long position() {
        return handed;
    }

    /**
     * Hands records over, all or none. Never blocks and never sheds: a source can wait, so a full queue refuses the batch.
     *
     * @param records the records, in the source's order
     * @param positions the position of each, rising, above {@link #position}
     * @param level the level to wait for. What was {@link Ack#COMMITTED} may be missing after a power cut, and a checkpoint past it
     *     would keep it from being read again: sources that have to survive one use {@link Ack#DURABLE}
     * @return the receipt, as of {@link Table#appendAll(List, Ack)}. It names the records that are refused (their positions count as
     *     settled), and ends late rather than with a loss while the store cannot write. Complete at once for {@link Ack#ACCEPTED}
     * @throws LeveeException {@link ErrorCode#QUEUE_FULL}: nothing was taken, append the same again when there is room;
     *     {@link ErrorCode#TOO_LARGE} for a batch larger than the queue; {@link ErrorCode#BAD_VALUE} for positions that do not rise;
     *     {@link ErrorCode#CLOSED}, {@link ErrorCode#NOT_WRITABLE}
     */
    public CompletableFuture<BatchReceipt> append(List<T> records, long[] positions, Ack level) {
        requireRising(records.size(), positions);
        if (records.isEmpty()) {
            return CompletableFuture.completedFuture(new BatchReceipt(level, 0, 0, 0, 0, List.of()));
        }
        List<BatchReceipt.Rejection> rejected = new ArrayList<>();
        List<Row> rows = new ArrayList<>(records.size());
        List<SourceMark> marks = new ArrayList<>(records.size());
        int[] indexes = new int[records.size()];
        RowBuilder builder = Row.of(codec.spec());
        for (int i = 0; i < records.size(); i++) {
            try {
                Row row = Table.row(codec, records.get(i), builder);
                indexes[rows.size()] = i;
                rows.add(row);
                marks.add(new SourceMark(name, positions[i]));
            } catch (LeveeException e) {
                rejected.add(new BatchReceipt.Rejection(i, e));
            }
        }
        // Somebody waits for every record of a source, or the queue might evict it.
        Ack waited = level == Ack.ACCEPTED ? Ack.COMMITTED : level;
        CompletableFuture<BatchReceipt> receipt =
                store.writes().appendAll(state, rows, indexes, rejected, marks, waited, Overflow.reject());
        handed = positions[positions.length - 1];
        flying.add(new Flight(positions[0], handed, receipt));
        if (level == Ack.ACCEPTED) {
            int taken = records.size() - rejected.size();
            return CompletableFuture.completedFuture(new BatchReceipt(level, taken, 0, 0, 0, rejected));
        }
        return receipt;
    }

    private void requireRising(int records, long[] positions) {
        if (positions.length != records) {
            throw new LeveeException(
                    ErrorCode.BAD_VALUE, positions.length + " positions were given for " + records + " records");
        }
        long before = handed;
        for (long position : positions) {
            if (position <= before) {
                throw new LeveeException(
                                ErrorCode.BAD_VALUE,
                                "position " + position + " of the source '" + name + "' does not come after " + before)
                        .hint("hand records over in the source's order, each with a higher position");
            }
            before = position;
        }
    }

    /** Everything up to here is settled: stored, known, refused, or lost and counted. */
    public long settled() {
        while (!flying.isEmpty() && flying.element().receipt.isDone()) {
            flying.remove();
        }
        return flying.isEmpty() ? handed : flying.element().first - 1;
    }

    /**
     * Says durably from where the source is read after the next start. Costs a small synced write: about once a second is enough.
     *
     * @param position what comes after it is read again: {@link #settled}, or further on where what lies between holds no record
     * @param sourceState what the source needs to find the place again, such as a file's identity
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} where records up to the position are not settled, or for a position before
     *     that of the last checkpoint; {@link ErrorCode#CLOSED} once the store is closing, since what it gave up then is to be read
     *     again; and where it cannot be written: the checkpoint before stays
     */
    public void checkpoint(long position, String sourceState) {
        settled();
        if (position < checkpoint || !flying.isEmpty() && position >= flying.element().first) {
            throw new LeveeException(
                    ErrorCode.BAD_VALUE,
                    "the source '" + name + "' is settled from " + checkpoint + " to "
                            + (flying.isEmpty() ? "its end" : String.valueOf(flying.element().first - 1)) + ", not to "
                            + position);
        }
        // Asked after settled(): what a closing store gave up was settled after this began to answer true.
        store.writes().requireOpen();
        store.putSourcePoint(state, name, new SourcePoint(position, sourceState));
        checkpoint = position;
        handed = Math.max(handed, position);
    }
}
