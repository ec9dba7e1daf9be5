package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The parts of one query on their way to its groups, on several threads. Each thread has tables of its own, which are added up in the end; no thread
 * waits for another one but the query's own, and that only for parts that are being run: who helps can never be in its way. A part that fails, or
 * a cancel, ends all.
 *
 * <p>State is guarded by itself.
 */
final class FoldRun {
    private final List<Fold> folds;
    private final GroupRoom room;
    private final Execution execution;
    private final PartialCache cache;
    private final Tables own;
    private final List<Tables> others = new ArrayList<>();
    private List<Folding.Piece> pieces = List.of();
    private int next;
    private int running;
    private boolean over;
    private @Nullable LeveeException failure;

    FoldRun(List<Fold> folds, GroupRoom room, Execution execution, PartialCache cache) {
        this.folds = folds;
        this.room = room;
        this.execution = execution;
        this.cache = cache;
        this.own = new Tables();
    }

    /** What one thread has computed: a table a fold. */
    private final class Tables {
        private final List<GroupTable> tables = new ArrayList<>();

        Tables() {
            folds.forEach(fold -> tables.add(new GroupTable(fold, room)));
        }

        void run(Folding.Piece piece) {
            PartialCache.Key key = piece.key();
            GroupTable into = tables.get(piece.fold());
            if (key == null) {
                piece.part().run(execution, new Into(into));
                return;
            }
            GroupTable partial = new GroupTable(folds.get(piece.fold()), room);
            piece.part().run(execution, new Into(partial));
            into.merge(partial);
            room.give(partial.bytes());
            if (key.version().equals(piece.part().version())) {
                cache.put(key, partial);
            }
        }
    }

    /** Hands rows to a table. */
    private record Into(GroupTable table) implements RowSink {
        @Override
        public void columns(List<String> names) {
            // A grouping's columns are known.
        }

        @Override
        public boolean row(@Nullable Object[] values) {
            table.add(values);
            return true;
        }
    }

    /** A thread that helps: one part, then it queues again behind whoever waits. */
    private final class Helper implements Runnable {
        private final Consumer<Runnable> help;
        private @Nullable Tables tables;

        Helper(Consumer<Runnable> help) {
            this.help = help;
        }

        @Override
        public void run() {
            Folding.Piece piece = claim();
            if (piece == null) {
                return;
            }
            boolean more;
            try {
                Tables mine = tables;
                if (mine == null) {
                    mine = new Tables();
                    tables = mine;
                    join(mine);
                }
                attempt(mine, piece);
            } finally {
                more = release();
            }
            if (more) {
                help.accept(this);
            }
        }
    }

    /** Takes groups that were known before. The query's own thread, before {@link #run}. */
    void take(int fold, GroupTable known) {
        own.tables.get(fold).merge(known);
    }

    /** Runs all pieces, and adds everything up. The query's own thread, once. */
    List<GroupTable> run(List<Folding.Piece> all, int helpers, Consumer<Runnable> help) {
        pieces = all;
        for (int i = 0; i < helpers; i++) {
            help.accept(new Helper(help));
        }
        Folding.Piece piece = claim();
        while (piece != null) {
            try {
                attempt(own, piece);
            } finally {
                release();
            }
            piece = claim();
        }
        awaitOthers();
        LeveeException failed = failure();
        if (failed != null) {
            throw failed;
        }
        execution.check();
        for (Tables tables : others) {
            for (int i = 0; i < folds.size(); i++) {
                GroupTable theirs = tables.tables.get(i);
                own.tables.get(i).merge(theirs);
                room.give(theirs.bytes());
            }
        }
        return own.tables;
    }

    private void attempt(Tables tables, Folding.Piece piece) {
        try {
            execution.check();
            tables.run(piece);
        } catch (LeveeException e) {
            failed(e);
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            failed(new LeveeException(ErrorCode.INTERNAL, "the query failed: " + e, e));
        }
    }

    private void failed(LeveeException e) {
        synchronized (this) {
            over = true;
            if (failure == null) {
                failure = e;
            }
        }
        execution.fail(e);
    }

    private synchronized @Nullable LeveeException failure() {
        return failure;
    }

    private synchronized void join(Tables tables) {
        others.add(tables);
    }

    private synchronized Folding.@Nullable Piece claim() {
        if (over || next == pieces.size()) {
            return null;
        }
        running++;
        return pieces.get(next++);
    }

    /** Returns whether there is more to do. */
    private synchronized boolean release() {
        running--;
        notifyAll();
        return !over && next < pieces.size();
    }

    /** Waits for the parts that others run now, and for nothing else. */
    private void awaitOthers() {
        boolean interrupted = false;
        synchronized (this) {
            over = true;
            while (running > 0) {
                try {
                    wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
