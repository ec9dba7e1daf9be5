package io.levee;

import io.levee.internal.query.NamedCursors;
import io.levee.internal.query.TailReader;
import java.time.Duration;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A tail that goes on where it was, whatever happens to its reader: the store keeps its place under a name. Each entry comes <b>at least
 * once</b>: what was not {@linkplain #commit() committed} before the reader ended comes again.
 *
 * <p>What retention dropped before it was read is told as {@link Tail.Missed}, again and again until it is committed; and after a lost
 * catalog was rebuilt, once, with the reason {@link LossReason#CATALOG_REBUILT}. So nothing is skipped in silence.
 *
 * <pre>{@code
 * try (TailCursor<Order> orders = table.cursor("mailer")) {
 *     while (running) {
 *         Tail.Batch<Order> batch = orders.poll(Duration.ofSeconds(1));
 *         batch.entries().forEach(entry -> send(entry.value()));
 *         orders.commit();
 *     }
 * }
 * }</pre>
 *
 * <p>Works in a store opened for reading too, beside the writer of another process. Two readers of one name each get everything behind its
 * place; the place is that of the one who is further. Used by one thread at a time; {@link #close} is for any thread.
 *
 * @param <T> the type of the records
 */
public final class TailCursor<T> implements AutoCloseable {
    /** Most cursors of a table; another one ends with {@link ErrorCode#LIMIT_EXCEEDED}. */
    public static final int MAX_CURSORS = 100;

    private final NamedCursors cursors;
    private final NamedCursors.Place place;
    private final TailReader reader;
    private final Tail<T> tail;
    private boolean rebuilt;

    TailCursor(NamedCursors cursors, NamedCursors.Place place, TailReader reader, Function<Row, T> decoder) {
        this.cursors = cursors;
        this.place = place;
        this.reader = reader;
        this.tail = new Tail<>(reader, decoder);
        this.rebuilt = cursors.rebuiltSince(place);
    }

    /** The name that its place is kept under. */
    public String name() {
        return place.name();
    }

    /**
     * Waits for records, as {@link Tail#poll}. Nothing is noted: that is what {@link #commit} is for.
     *
     * @param timeout how long at most; zero only looks
     * @return what came behind the last poll
     * @throws LeveeException {@link ErrorCode#CLOSED}, {@link ErrorCode#CANCELLED}
     */
    public Tail.Batch<T> poll(Duration timeout) {
        if (!rebuilt) {
            return tail.poll(timeout);
        }
        Tail.Batch<T> batch = tail.poll(Duration.ZERO);
        Tail.Missed gone = batch.missed();
        rebuilt = false;
        return new Tail.Batch<>(
                batch.entries(),
                new Tail.Missed(
                        place.number(), gone == null ? place.number() : gone.upTo(), LossReason.CATALOG_REBUILT));
    }

    /** The number of the last record that {@link #poll} gave, or where it began. */
    public long position() {
        return tail.position();
    }

    /**
     * Says durably that everything that {@link #poll} gave is done with, gaps included. Costs a small synced write: once a batch is
     * enough. Without news since the last one it costs nothing.
     *
     * @throws LeveeException where it cannot be written: the place before stays
     */
    public void commit() {
        commit(tail.position());
    }

    /**
     * Says durably that everything up to a record is done with, and the gaps told before it.
     *
     * @param number of a record that {@link #poll} gave; a lower one than before changes nothing
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for a number that was not given yet, and as {@link #commit()}
     */
    public void commit(long number) {
        if (number > tail.position()) {
            throw new LeveeException(
                    ErrorCode.BAD_VALUE,
                    "the cursor '" + name() + "' was given records up to " + tail.position() + ", not " + number);
        }
        if (!rebuilt) {
            cursors.commit(place.table(), place.name(), number, reader.toldMissed(), true);
        }
    }

    /** What is known to be missing of the table now, at any time, as {@link Tail#coverage}. */
    public Coverage coverage() {
        return tail.coverage();
    }

    /** Ends a poll that waits, and refuses further ones; the place stays. Idempotent. */
    @Override
    public void close() {
        tail.close();
    }

    /** What the store keeps of it. */
    public @Nullable CursorInfo info() {
        return cursors.find(place.table(), place.name());
    }
}
