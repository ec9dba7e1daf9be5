package io.levee.ingest;

/** From where to where whole numbers go, and in which lines their ends were met first. Not thread-safe. */
final class Reach {
    long least = Long.MAX_VALUE;
    long leastLine;
    long greatest = Long.MIN_VALUE;
    long greatestLine;

    /** It goes from one number to another in a line. */
    void add(long low, long high, long line) {
        if (low < least) {
            least = low;
            leastLine = line;
        }
        if (high > greatest) {
            greatest = high;
            greatestLine = line;
        }
    }

    boolean some() {
        return least <= greatest;
    }
}
