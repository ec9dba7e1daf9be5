package io.levee.testkit.fault;

/**
 * Something that must not be.
 *
 * @param invariant what does not hold
 * @param what what was seen, with its values
 * @param where table, partition, cycle: where to look
 */
public record Violation(Invariant invariant, String what, String where) {
    @Override
    public String toString() {
        return invariant + " (" + invariant.promise() + "): " + what + " [" + where + "]";
    }
}
