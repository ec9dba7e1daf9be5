package io.levee.internal.query;

import io.levee.Histogram.Even;

/** Bins that people can read: of a round width, beginning at whole multiples of it. */
final class RoundBins {
    private static final double SECOND = 1e6;
    private static final double MINUTE = 60 * SECOND;
    private static final double HOUR = 60 * MINUTE;
    private static final double DAY = 24 * HOUR;
    private static final double[] DECIMAL = {1, 2, 5};
    private static final double[] TIMES = {
        SECOND,
        2 * SECOND,
        5 * SECOND,
        10 * SECOND,
        15 * SECOND,
        30 * SECOND,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        2 * DAY,
        7 * DAY,
        14 * DAY,
        28 * DAY
    };

    private RoundBins() {}

    /**
     * The narrowest round bins, at most so many, that hold all values from least to greatest.
     *
     * @param whole whether values are whole numbers: then a bin is at least 1 wide
     * @param times whether they are microseconds
     */
    static Even of(double least, double greatest, int most, boolean whole, boolean times) {
        // Halves, since the difference may be past the largest number.
        double ideal = greatest / most - least / most;
        double width = Math.max(ideal, Math.max(Math.ulp(least), Math.ulp(greatest)) * 2);
        if (whole || times) {
            width = Math.max(width, 1);
        } else if (least == greatest) {
            width = Math.max(width, 1);
        }
        width = roundUp(width, times);
        while (true) {
            double from = Math.floor(least / width) * width;
            double count = Math.floor((greatest - from) / width) + 1;
            if (count <= most) {
                return new Even(from, width, (int) Math.max(1, count));
            }
            if (width > Math.max(Math.abs(least), Math.abs(greatest))) {
                // Values on both sides of 0, and only one bin for them.
                return new Even(-width, 2 * width, 1);
            }
            width = roundUp(Math.nextUp(width * 1.000001), times);
        }
    }

    /** The least round number that is not less. */
    private static double roundUp(double value, boolean times) {
        if (times && value > SECOND / 2) {
            for (double round : TIMES) {
                if (round >= value) {
                    return round;
                }
            }
            return decimal(value / DAY) * DAY;
        }
        return decimal(value);
    }

    private static double decimal(double value) {
        // Powers are read, not multiplied up: 1e-3 is the number that people write.
        int exponent = (int) Math.floor(Math.log10(value)) - 1;
        while (true) {
            for (double digit : DECIMAL) {
                double round = Double.parseDouble((int) digit + "e" + exponent);
                if (round >= value) {
                    return round;
                }
            }
            exponent++;
        }
    }
}
