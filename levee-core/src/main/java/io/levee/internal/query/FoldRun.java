package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The parts of one query on their way to its groups, on several threads. Each thread has tables of its own, which are added up in the end; no thread
 * waits for another one but the query's own, and that only for parts that are being run: who helps can never be in its way. A part that fails, or
 * a cancel, ends all.
 *
 * <p>Where there is no room for the groups, the query's own thread takes over what the others have and goes on alone: whether an answer fits does
 * not depend on who had time to help.
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
    private final Map<Integer, List<PartialCache.Key>> whole = new HashMap<>();
    private final ArrayDeque<Folding.Piece> pieces = new ArrayDeque<>();
    private int running;
    private boolean alone;
    private boolean over;
    private @Nullable LeveeException failure;

    FoldRun(List<Fold> folds, GroupRoom room, Execution execution, PartialCache cache) {
        this.folds = folds;
        this.room = room;
        this.execution = execution;
        this.cache = cache;
        this.own = new Tables();
    }

    /** What one thread has computed: two tables a fold. */
    private final class Tables {
        /** Of parts that may change. */
        private final List<GroupTable> tables = new ArrayList<>();

        /** Of parts that may be kept. */
        private final List<GroupTable> kept = new ArrayList<>();

        Tables() {
            folds.forEach(fold -> {
                tables.add(new GroupTable(fold, room));
                kept.add(new GroupTable(fold, room));
            });
        }

        private GroupTable of(Folding.Piece piece) {
            return (piece.key() == null ? tables : kept).get(piece.fold());
        }

        /** Runs a part into a table of its own, which is kept where it can be, or thrown away where it has no room. */
        void add(Folding.Piece piece) {
            PartialCache.Key key = piece.key();
            GroupTable partial = new GroupTable(folds.get(piece.fold()), room);
            try {
                piece.part().run(execution, new Into(partial));
                if (key == null) {
                    of(piece).absorb(partial);
                } else {
                    of(piece).merge(partial);
                }
            } finally {
                room.give(partial.bytes());
            }
            if (key != null && key.version().equals(piece.part().version())) {
                cache.put(key, partial);
            } else if (key != null) {
                changed(piece.fold());
            }
        }

        /** Runs a part without a table of its own. */
        void addAtOnce(Folding.Piece piece) {
            piece.part().run(execution, new Into(of(piece)));
            if (piece.key() != null) {
                changed(piece.fold());
            }
        }

        void merge(Tables other) {
            for (int i = 0; i < tables.size(); i++) {
                add(tables.get(i), other.tables.get(i));
                add(kept.get(i), other.kept.get(i));
            }
        }

        /** Takes all of a table that nobody keeps. */
        private void add(GroupTable to, GroupTable from) {
            to.absorb(from);
            room.give(from.bytes());
        }

        /** The groups of all parts; those of the parts that may be kept are kept together. */
        List<GroupTable> sum() {
            List<GroupTable> sums = new ArrayList<>();
            for (int i = 0; i < tables.size(); i++) {
                GroupTable all = kept.get(i);
                List<PartialCache.Key> keys = whole.get(i);
                // What is kept changes no more: then the sum is another table.
                boolean kept = keys != null && cache.put(keys, all);
                if (kept) {
                    tables.get(i).merge(all);
                    room.give(all.bytes());
                } else {
                    add(all, tables.get(i));
                }
                sums.add(kept ? tables.get(i) : all);
            }
            return sums;
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
            Folding.Piece piece = claim(true);
            if (piece == null) {
                return;
            }
            boolean more;
            try {
                attempt(() -> help(piece));
            } finally {
                more = release();
            }
            if (more) {
                help.accept(this);
            }
        }

        private void help(Folding.Piece piece) {
            try {
                Tables mine = tables;
                if (mine == null) {
                    mine = new Tables();
                    tables = mine;
                    join(mine);
                }
                mine.add(piece);
            } catch (GroupRoom.Full e) {
                giveBack(piece);
            }
        }
    }

    /** Takes groups that were known before. The query's own thread, before {@link #run}. */
    void take(int fold, GroupTable known) {
        own.kept.get(fold).merge(known);
    }

    /** All parts of a fold that may be kept, which are kept together too. The query's own thread, before {@link #run}. */
    synchronized void keep(int fold, List<PartialCache.Key> keys) {
        if (keys.size() > 1) {
            whole.put(fold, keys);
        }
    }

    /** A part was written to while it was read: what it came to is not kept. */
    private synchronized void changed(int fold) {
        whole.remove(fold);
    }

    /** Runs all pieces, and adds everything up. The query's own thread, once. */
    List<GroupTable> run(List<Folding.Piece> all, int helpers, Consumer<Runnable> help) {
        synchronized (this) {
            pieces.addAll(all);
            alone = helpers <= 0;
        }
        for (int i = 0; i < helpers; i++) {
            help.accept(new Helper(help));
        }
        Folding.Piece piece = next();
        while (piece != null) {
            Folding.Piece mine = piece;
            try {
                attempt(() -> own(mine));
            } finally {
                release();
            }
            piece = next();
        }
        LeveeException failed = failure();
        if (failed != null) {
            throw failed;
        }
        execution.check();
        others.forEach(own::merge);
        return own.sum();
    }

    private void own(Folding.Piece piece) {
        boolean last = alone();
        if (!last || piece.key() != null) {
            try {
                own.add(piece);
                return;
            } catch (GroupRoom.Full e) {
                if (!last) {
                    giveBack(piece);
                    return;
                }
            }
        }
        own.addAtOnce(piece);
    }

    private void attempt(Runnable part) {
        try {
            execution.check();
            part.run();
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

    private synchronized boolean alone() {
        return alone;
    }

    private synchronized Folding.@Nullable Piece claim(boolean helper) {
        if (over || pieces.isEmpty() || (helper && alone)) {
            return null;
        }
        running++;
        return pieces.removeFirst();
    }

    /** There was no room for a part: from now on the query's own thread is alone. */
    private synchronized void giveBack(Folding.Piece piece) {
        pieces.addLast(piece);
        alone = true;
    }

    /** Returns whether there is more to do for who helps. */
    private synchronized boolean release() {
        running--;
        notifyAll();
        return !alone && !over && !pieces.isEmpty();
    }

    /**
     * The next part for the query's own thread. Waits for the parts that others run where there is none, since they may give one back, and where
     * it has to go on alone.
     */
    private Folding.@Nullable Piece next() {
        boolean interrupted = false;
        try {
            synchronized (this) {
                while (running > 0 && (over || alone || pieces.isEmpty())) {
                    try {
                        wait();
                    } catch (InterruptedException e) {
                        interrupted = true;
                    }
                }
                if (alone && !over) {
                    others.forEach(own::merge);
                    others.clear();
                }
                Folding.Piece piece = claim(false);
                over |= piece == null;
                return piece;
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
