package io.levee.testkit.fault;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a run showed. Collected by one thread.
 *
 * <p>{@code acknowledged} counts receipts of level COMMITTED and DURABLE, {@code lost} the waits that ended with a named loss and the
 * accepted records that are missing inside a recorded gap; what is missing otherwise is a violation.
 */
public final class Verdict {
    private final long seed;
    private final Map<String, Long> done = new LinkedHashMap<>();
    private final List<String> leftOut = new ArrayList<>();
    private final List<Violation> violations = new ArrayList<>();
    private long cycles;
    private long acknowledged;
    private long lost;

    /** Of a run with this seed. */
    public Verdict(long seed) {
        this.seed = seed;
    }

    /** A cycle of some kind ended. */
    void cycle(String kind, List<Violation> found) {
        cycles++;
        did(kind, 1);
        violations.addAll(found);
    }

    /** Something was done some times. */
    void did(String what, long times) {
        done.merge(what, times, Long::sum);
    }

    /** Receipts of a cycle. */
    void receipts(long newlyAcknowledged, long newlyLost) {
        acknowledged += newlyAcknowledged;
        lost += newlyLost;
    }

    /** A fault that this machine cannot make, and why. */
    void leftOut(String what) {
        leftOut.add(what);
    }

    /** The seed that repeats the run. */
    public long seed() {
        return seed;
    }

    /** Cycles that were run. */
    public long cycles() {
        return cycles;
    }

    /** Receipts of level COMMITTED and DURABLE. */
    public long acknowledged() {
        return acknowledged;
    }

    /** Records that were given up, and said to be. */
    public long lost() {
        return lost;
    }

    /** What was done, and how often. */
    public Map<String, Long> done() {
        return done;
    }

    /** Faults that this machine cannot make, with the reason. */
    public List<String> leftOut() {
        return leftOut;
    }

    /** What must not be. */
    public List<Violation> violations() {
        return violations;
    }

    @Override
    public String toString() {
        return cycles + " cycles " + done + ", " + acknowledged + " acknowledged, " + lost + " lost and said to be, "
                + violations.size() + " violations, seed " + seed
                + (violations.isEmpty()
                        ? ""
                        : ":\n  "
                                + String.join(
                                        "\n  ",
                                        violations.stream()
                                                .map(Object::toString)
                                                .toList()));
    }
}
