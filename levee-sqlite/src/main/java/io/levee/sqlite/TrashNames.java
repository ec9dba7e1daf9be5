package io.levee.sqlite;

import java.util.HashSet;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;

/**
 * Which files of the trash this store dropped. What it did not is left alone, and asked about again once a minute at most: somebody may have
 * laid many files there, and the janitor looks at each of its steps. Guarded by the {@link Trash}.
 */
final class TrashNames {
    private static final long FOREIGN_MILLIS = 60_000;

    private final UnaryOperator<Set<String>> ask;
    private final LongSupplier millis;
    private final Set<String> ours = new HashSet<>();
    private final Set<String> foreign = new HashSet<>();
    private long foreignSince;

    /**
     * None known yet.
     *
     * @param ask gets names, and tells which of them are dropped partitions'
     * @param millis a clock that only goes forward
     */
    TrashNames(UnaryOperator<Set<String>> ask, LongSupplier millis) {
        this.ask = ask;
        this.millis = millis;
    }

    /**
     * Those that this store dropped.
     *
     * @param there all that are in the trash
     * @param now whether what was foreign a moment ago is asked about too: space is short
     */
    Set<String> ours(Set<String> there, boolean now) {
        ours.retainAll(there);
        foreign.retainAll(there);
        long at = millis.getAsLong();
        if (now || at - foreignSince >= FOREIGN_MILLIS) {
            foreign.clear();
            foreignSince = at;
        }
        Set<String> asked = new HashSet<>(there);
        asked.removeAll(ours);
        asked.removeAll(foreign);
        if (!asked.isEmpty()) {
            Set<String> found = ask.apply(asked);
            ours.addAll(found);
            asked.removeAll(found);
            foreign.addAll(asked);
        }
        return Set.copyOf(ours);
    }
}
