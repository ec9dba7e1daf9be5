package io.levee.engine;

/**
 * One thing that a check of the surroundings found.
 *
 * @param level how bad it is
 * @param what was checked and what was found, with values
 * @param hint what to do about it; empty for {@link Level#OK}
 */
public record Finding(Level level, String what, String hint) {
    /** How bad a finding is. */
    public enum Level {
        /** As it should be. */
        OK,
        /** Works, and may hurt under load or one day. */
        WARNING,
        /** Does not work, or is not safe. */
        PROBLEM
    }

    /** All is well with what was checked. */
    public static Finding ok(String what) {
        return new Finding(Level.OK, what, "");
    }

    /** Works, with a reservation. */
    public static Finding warning(String what, String hint) {
        return new Finding(Level.WARNING, what, hint);
    }

    /** Does not work. */
    public static Finding problem(String what, String hint) {
        return new Finding(Level.PROBLEM, what, hint);
    }
}
