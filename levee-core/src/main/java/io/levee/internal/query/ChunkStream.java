package io.levee.internal.query;

import io.levee.Coverage;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Rows on their way from the query thread to the reader, in chunks through a small bounded queue: the query waits for a slow
 * reader, memory does not grow with the number of rows, and the reader never enters native code.
 *
 * <p>The sink belongs to the query thread, the iterator to one reader; {@link #close} is for any thread.
 */
public final class ChunkStream {
    private static final int CHUNK_ROWS = 256;
    private static final int CHUNKS = 4;
    private static final List<@Nullable Object[]> END = new ArrayList<>();

    private final Execution execution;
    private final Supplier<Coverage> coverage;
    private final boolean askedLive;
    private final BlockingQueue<List<@Nullable Object[]>> chunks = new ArrayBlockingQueue<>(CHUNKS);
    private volatile @Nullable List<String> columns;
    private volatile @Nullable LeveeException failure;
    private volatile @Nullable Coverage covered;
    private volatile boolean fetching;
    private List<@Nullable Object[]> chunk = List.of();
    private int at;

    /**
     * A stream.
     *
     * @param coverage tells what is missing in the result's range
     * @param askedLive whether it answers from memory, so that the reader may ask; else the query thread does, before the first row and
     *     after the last
     */
    ChunkStream(Execution execution, Supplier<Coverage> coverage, boolean askedLive) {
        this.execution = execution;
        this.coverage = coverage;
        this.askedLive = askedLive;
    }

    /** The query thread's side: collects rows and hands over full chunks. */
    final class Feeder implements RowSink {
        private List<@Nullable Object[]> filling = new ArrayList<>(CHUNK_ROWS);

        @Override
        public void columns(List<String> names) {
            columns = List.copyOf(names);
            // An empty chunk wakes a reader who waits for the names and not for a row.
            hand(new ArrayList<>());
        }

        @Override
        public boolean row(@Nullable Object[] values) {
            filling.add(values);
            if (filling.size() == CHUNK_ROWS) {
                flush();
            }
            return true;
        }

        private void flush() {
            if (!filling.isEmpty()) {
                hand(filling);
                filling = new ArrayList<>(CHUNK_ROWS);
            }
        }

        private void hand(List<@Nullable Object[]> full) {
            try {
                fetching = true;
                while (!chunks.offer(full, 50, TimeUnit.MILLISECONDS)) {
                    execution.check();
                }
                fetching = false;
                execution.check();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LeveeException(ErrorCode.CANCELLED, "the query thread was interrupted", e);
            }
        }

        /** Asks what is missing, where the reader may not. */
        void cover() {
            if (!askedLive) {
                covered = coverage.get();
            }
        }

        /** All rows are there. */
        void end() {
            flush();
            // Again: a partition that the query found damaged is set aside by now.
            cover();
            hand(END);
        }

        /** The query failed; the reader gets the error once it has read what came before. */
        void fail(LeveeException error) {
            failure = error;
        }
    }

    /** Whether the query waits for its reader. */
    boolean fetching() {
        return fetching;
    }

    /** The names of the columns. Waits until the query knows them. */
    public List<String> columns() {
        while (columns == null && chunk != END) {
            fetch();
        }
        List<String> known = columns;
        return known == null ? List.of() : known;
    }

    /**
     * Whether there is another row. Waits for it.
     *
     * @throws LeveeException how the query ended, where it did not end well
     */
    public boolean hasNext() {
        while (at == chunk.size() && chunk != END) {
            fetch();
        }
        return chunk != END;
    }

    /** The next row. */
    public @Nullable Object[] next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        return chunk.get(at++);
    }

    private void fetch() {
        try {
            List<@Nullable Object[]> next = chunks.poll(20, TimeUnit.MILLISECONDS);
            if (next != null) {
                chunk = next;
                at = 0;
                return;
            }
            LeveeException failed = failure;
            if (failed != null && chunks.isEmpty()) {
                throw failed;
            }
            if (execution.over() && chunks.isEmpty()) {
                execution.check();
            }
        } catch (InterruptedException e) {
            execution.cancel(ErrorCode.CANCELLED, "the reader was interrupted");
            Thread.currentThread().interrupt();
            throw new LeveeException(ErrorCode.CANCELLED, "the reader was interrupted", e);
        }
    }

    /** What the result can be trusted for, as is known now; final once the last row was read. May wait for the query to begin. */
    public Coverage coverage() {
        if (askedLive) {
            return coverage.get();
        }
        while (covered == null && chunk != END) {
            // Nothing was handed over yet: there is no row to lose here.
            fetch();
        }
        Coverage known = covered;
        return known == null ? Coverage.COMPLETE : known;
    }

    /** Ends the query if it still runs. Idempotent. */
    public void close() {
        execution.cancel(ErrorCode.CANCELLED, "the result was closed");
        chunks.clear();
    }
}
