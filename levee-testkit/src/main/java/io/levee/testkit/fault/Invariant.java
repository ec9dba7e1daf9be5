package io.levee.testkit.fault;

/**
 * What holds whatever happens. {@link Checks} has a check for each; those marked <em>sampled</em> need {@link Sampler} beside the load,
 * the others are made after the fault.
 */
public enum Invariant {
    /** Each record with a receipt is there after any crash, exactly once and whole, as its level promised, or in a recorded gap. */
    I1("a receipt is kept: its record is there, once and whole, or in a recorded gap"),
    /** Numbers are given once, and never changed. */
    I2("numbers are given once and never changed"),
    /** Bytes on disk stay below the cap, in each second. Sampled. */
    I3("the disk cap holds in every second"),
    /** Queue, heap and resident set stay within their budgets. Sampled. */
    I4("queue and memory stay within their budgets"),
    /** The writer waits for nobody longer than the lock budget. Sampled. */
    I5("the writer waits for no maintenance"),
    /** Opening takes no longer than its budget, at any size. */
    I6("a store is ready within its budget"),
    /** A query ends by its deadline and 250 ms. */
    I7("a query ends by its deadline"),
    /** What was dropped stays dropped. Sampled. */
    I8("floors only rise"),
    /** Nothing younger than its promise is deleted. */
    I9("nothing younger than its promise is deleted"),
    /** A damaged file costs only its own period, and writes go on. */
    I10("damage costs its own period only"),
    /** What the close said is what the next opening finds. */
    I11("the close report is true"),
    /** Healthy again within 60 s after the fault ended, without a person. */
    I12("healthy within 60 s after the fault");

    private final String promise;

    Invariant(String promise) {
        this.promise = promise;
    }

    /** What it promises, for people. */
    public String promise() {
        return promise;
    }

    /** A violation of it: what was seen, and where. */
    public Violation violated(String what, String where) {
        return new Violation(this, what, where);
    }
}
