package io.levee.internal.adopt;

/** The numbers of adopted rows: their own, less a base. All are below 0, those of one database apart from those of every other one. */
public final class RowNumbers {
    /** Numbers of one adopted database lie in a range of at least this size: 2⁵³ is where JSON's readers lose digits. */
    public static final long LEAST_RANGE = 1L << 44;

    private static final long MOST = Long.MAX_VALUE / 4;

    private RowNumbers() {}

    /**
     * What is taken from the numbers of a database, with room for as many again, should somebody still write to it.
     *
     * @param highest the highest number that a row of it has
     * @param baseBefore of the one adopted before it; 0 for none
     * @return the base, or -1 where there is no room for its numbers below the table's own
     */
    public static long base(long highest, long baseBefore) {
        if (highest > MOST || baseBefore > MOST) {
            return -1;
        }
        return baseBefore + ((highest + LEAST_RANGE / 2) / LEAST_RANGE + 1) * LEAST_RANGE;
    }
}
