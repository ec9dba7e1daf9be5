package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The partitions that rows were erased from and that are still to be rewritten: at the end of the erasure, or by maintenance
 * once they are closed, also after a restart, since the mark lies in the partition too. Thread-safe.
 */
final class Erasures {
    private static final int TRIES = 3;

    private final Rewriter rewriter;
    private final Set<Partition> marked = ConcurrentHashMap.newKeySet();
    private final Closings closings;

    Erasures(Rewriter rewriter, Closings closings) {
        this.rewriter = rewriter;
        this.closings = closings;
    }

    /** Rows were erased from it, and its mark is committed. Writer thread. */
    void marked(Partition partition) {
        marked.add(partition);
    }

    /** Whether rows were erased from it and it was not rewritten since. */
    boolean pending(Partition partition) {
        return marked.contains(partition);
    }

    /** Looks whether a partition is marked in its file, by this process or one before. Maintenance thread. */
    void look(Partition partition) {
        if (rewriter.marked(partition)) {
            marked.add(partition);
        }
    }

    /** Rewrites what can be; the rest stays for the next run. Maintenance thread. */
    void finishAll() {
        marked.removeIf(partition -> partition.state() == Partition.State.DROPPED);
        for (Partition partition : marked) {
            String why = finish(partition);
            if (!why.isEmpty()) {
                System.getLogger("io.levee.sqlite")
                        .log(System.Logger.Level.INFO, "{0} is to be rewritten: {1}", partition.id(), why);
            }
        }
    }

    /**
     * Has what rows left behind rewritten with the rest: which of the erased ones have been elsewhere nobody knows any more. Any thread but
     * the writer.
     */
    void reachMoved(List<Partition> own) {
        for (Partition partition : own) {
            if (rewriter.moved(partition)) {
                marked.add(partition);
            }
        }
    }

    /**
     * Rewrites what was erased from in one table. Any thread but the writer.
     *
     * @throws LeveeException {@link ErrorCode#PARTITION_BUSY} with what cannot be rewritten now, and will be later
     */
    void finish(String table) {
        List<String> left = new ArrayList<>();
        for (Partition partition : marked) {
            if (partition.id().table().equals(table) && partition.state() != Partition.State.DROPPED) {
                String why = finish(partition);
                if (!why.isEmpty()) {
                    left.add(partition.id() + " (" + why + ")");
                }
            }
        }
        if (!left.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.PARTITION_BUSY,
                            "traces of erased records may be left in the unused space of " + left
                                    + " until they are rewritten")
                    .hint("that is done in the background once they are closed; erase again to wait for it");
        }
    }

    private String finish(Partition partition) {
        String why = "it is opened again and again";
        for (int i = 0; i < TRIES; i++) {
            if (partition.state() == Partition.State.OPEN) {
                why = closings.ask(partition, false);
                if (!why.isEmpty()) {
                    return why;
                }
            }
            // Taken off before: another erasure may mark it again as soon as it is rewritten.
            marked.remove(partition);
            boolean done = false;
            try {
                done = rewriter.rewrite(partition);
                if (done) {
                    return "";
                }
                why = partition.state() == Partition.State.CLOSED ? "the writer needed it" : why;
            } finally {
                if (!done) {
                    marked.add(partition);
                }
            }
        }
        return why;
    }
}
