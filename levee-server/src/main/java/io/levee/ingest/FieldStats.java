package io.levee.ingest;

import java.math.BigDecimal;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What all values of one field have in common. Not thread-safe. */
final class FieldStats {
    /** Whole numbers up to here are exact as floating point numbers. */
    private static final long EXACT = 1L << 53;

    private static final int MOST_DISTINCT = 2_000;
    private static final int LONGEST_COUNTED = 100;
    private static final int LONGEST_TOLD = 60;

    final String name;
    final TimeText time = new TimeText();
    long values;
    long integers;
    long decimals;
    long booleans;
    long texts;
    long nested;
    /** Of its numbers, those with a fraction widened to whole ones. */
    final Reach numbers = new Reach();

    boolean past64Bits;
    boolean exactReal = true;
    long bytes;
    int longest;

    /** Of the event times of its texts, microseconds. */
    final Reach times = new Reach();

    /** The first value that is no time of the form of those before, and its line; null while there is none. */
    @Nullable
    String odd;

    long oddLine;
    long stepsBack;
    private long last = Long.MIN_VALUE;
    private final Set<Integer> distinct = new HashSet<>();
    private boolean manyDistinct;

    FieldStats(String name) {
        this.name = name;
    }

    void integer(long value, long line) {
        values++;
        integers++;
        if (texts > 0) {
            odd(Long.toString(value), line);
        }
        numbers.add(value, value, line);
        exactReal &= value >= -EXACT && value <= EXACT;
        step(value);
        count(Long.hashCode(value));
    }

    /** A number with a fraction, an exponent, or past 64 bits. */
    void number(String token, boolean whole, long line) {
        values++;
        decimals++;
        if (texts > 0) {
            odd(token, line);
        }
        past64Bits |= whole;
        double value = Double.parseDouble(token);
        exactReal &= exact(token, value);
        if (Math.abs(value) < 9e18) {
            numbers.add((long) Math.floor(value), (long) Math.ceil(value), line);
            step((long) value);
        } else {
            numbers.least = Long.MIN_VALUE;
            odd(token, line);
        }
    }

    private void odd(String value, long line) {
        if (odd == null) {
            odd = value.length() <= LONGEST_TOLD ? value : value.substring(0, LONGEST_TOLD) + "…";
            oddLine = line;
        }
    }

    private static boolean exact(String token, double value) {
        if (Double.isInfinite(value)) {
            return false;
        }
        // Fifteen significant digits always survive; most numbers have fewer, and need no arithmetic.
        return token.length() <= 16 && token.indexOf('e') < 0 && token.indexOf('E') < 0
                || new BigDecimal(token).compareTo(new BigDecimal(Double.toString(value))) == 0;
    }

    void bool(boolean value, long line) {
        values++;
        booleans++;
        odd(Boolean.toString(value), line);
    }

    void text(String value, long line) {
        values++;
        texts++;
        bytes += value.length();
        longest = Math.max(longest, value.length());
        count(value.length() <= LONGEST_COUNTED ? value.hashCode() : (int) values);
        if (time.possible()) {
            Long micros = time.look(value);
            if (micros == null || texts < values) {
                odd(value, line);
            }
            if (micros != null) {
                times.add(micros, micros, line);
                step(micros);
            }
        }
    }

    void nested(int length) {
        values++;
        nested++;
        bytes += length;
        longest = Math.max(longest, length);
    }

    private void step(long value) {
        if (value < last) {
            stepsBack++;
        }
        last = value;
    }

    private void count(int hash) {
        if (!manyDistinct && distinct.add(hash) && distinct.size() > MOST_DISTINCT) {
            manyDistinct = true;
            distinct.clear();
        }
    }

    /** How many values differ, or -1 where there are more than were counted. */
    int distinct() {
        return manyDistinct ? -1 : distinct.size();
    }

    boolean onlyTexts() {
        return values > 0 && texts == values;
    }

    boolean onlyNumbers() {
        return values > 0 && integers + decimals == values;
    }

    /** Whether values are so long that scans of the other columns should not read them. */
    boolean isLong() {
        long countLong = texts + nested;
        return countLong > 0 && (longest > 2048 || bytes / countLong > 256);
    }
}
