package io.levee;

import io.levee.internal.query.TailReader;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Follows the records of a table in the order they were committed. A record that is updated comes again, with its new number.
 * Nothing that was committed is skipped: what retention dropped before it was read is told as a {@link Missed}. Used by one
 * thread at a time; {@link #close} is for any thread.
 *
 * @param <T> the type of the records
 */
public final class Tail<T> implements AutoCloseable {
    /** As {@code after}: only what is committed from now on. */
    public static final long NOW = Long.MAX_VALUE;

    private final TailReader reader;
    private final Function<Row, T> decoder;

    Tail(TailReader reader, Function<Row, T> decoder) {
        this.reader = reader;
        this.decoder = decoder;
    }

    /**
     * One record.
     *
     * @param number the number of its last change: what to continue {@code after}
     * @param value the record
     */
    public record Entry<T>(long number, T value) {}

    /**
     * Numbers that are gone.
     *
     * @param after the cursor that was read up to
     * @param upTo the highest number that went with a dropped partition; some of those between may have come all the same
     * @param reason {@link LossReason#EXPIRED} for what retention dropped, {@link LossReason#CATALOG_REBUILT} where nobody knows what else
     *     was lost
     */
    public record Missed(long after, long upTo, LossReason reason) {
        /** What retention dropped. */
        public Missed(long after, long upTo) {
            this(after, upTo, LossReason.EXPIRED);
        }
    }

    /**
     * What came.
     *
     * @param entries in the order of their numbers
     * @param missed what retention dropped before it was read, or null
     */
    public record Batch<T>(List<Entry<T>> entries, @Nullable Missed missed) {
        /** Copies the list. */
        public Batch {
            entries = List.copyOf(entries);
        }
    }

    /**
     * Waits for records.
     *
     * @param timeout how long at most; zero only looks
     * @return what came, at most 1,000 records; empty when nothing did
     * @throws LeveeException {@link ErrorCode#CLOSED} or {@link ErrorCode#CANCELLED} when tail or store are closed or the thread
     *     is interrupted
     */
    public Batch<T> poll(Duration timeout) {
        TailReader.Page page = reader.poll(timeout);
        List<Entry<T>> entries = page.rows().stream()
                .map(row -> new Entry<>(
                        row.number(), decoder.apply(new Row(reader.spec(), row.values(), row.timeMicros(), row.seq()))))
                .toList();
        return new Batch<>(entries, page.missedUpTo() == 0 ? null : new Missed(page.missedAfter(), page.missedUpTo()));
    }

    /** The number of the last record that {@link #poll} gave, or where it began. */
    public long position() {
        return reader.position();
    }

    /**
     * What is known to be missing of the table now, at any time: a record that was lost has no number, so {@link #poll} cannot tell of it.
     *
     * @throws LeveeException {@link ErrorCode#CLOSED} when the store is closed
     */
    public Coverage coverage() {
        return reader.coverage();
    }

    /** Ends a poll that waits, and refuses further ones. Idempotent. */
    @Override
    public void close() {
        reader.close();
    }
}
