package io.levee.testkit.fault;

/** This machine lacks a program or a right that a fault needs: the fault is left out, and said to be. */
public final class MissingToolException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * What is missing.
     *
     * @param what the program or right, and what it was for
     */
    public MissingToolException(String what) {
        super(what);
    }
}
