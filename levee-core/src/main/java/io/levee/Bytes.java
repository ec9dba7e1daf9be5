package io.levee;

import java.util.Locale;

/**
 * An amount of memory or disk. A type of its own, so that a page count can never be mistaken for bytes (guarantee G33).
 *
 * @param value bytes, zero or more
 */
public record Bytes(long value) implements Comparable<Bytes> {
    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

    /**
     * Refuses negative amounts.
     *
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} below zero
     */
    public Bytes {
        if (value < 0) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "an amount of bytes must be 0 or more (got " + value + ")");
        }
    }

    /** {@code n} × 1024 bytes. */
    public static Bytes kibi(long n) {
        return new Bytes(Math.multiplyExact(n, 1L << 10));
    }

    /** {@code n} × 1024² bytes. */
    public static Bytes mebi(long n) {
        return new Bytes(Math.multiplyExact(n, 1L << 20));
    }

    /** {@code n} × 1024³ bytes. */
    public static Bytes gibi(long n) {
        return new Bytes(Math.multiplyExact(n, 1L << 30));
    }

    /**
     * Reads {@code 20GiB}, {@code 512 MiB}, {@code 4096} (bytes) and the decimal {@code 20GB}.
     *
     * @param text the amount with its unit
     * @return the amount
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for anything else
     */
    public static Bytes parse(String text) {
        String trimmed = text.trim();
        int split = 0;
        while (split < trimmed.length() && (Character.isDigit(trimmed.charAt(split)) || trimmed.charAt(split) == '.')) {
            split++;
        }
        String unit = trimmed.substring(split).trim().toLowerCase(Locale.ROOT);
        double factor = switch (unit) {
            case "", "b" -> 1;
            case "kib", "k" -> 1L << 10;
            case "mib", "m" -> 1L << 20;
            case "gib", "g" -> 1L << 30;
            case "tib", "t" -> 1L << 40;
            case "kb" -> 1e3;
            case "mb" -> 1e6;
            case "gb" -> 1e9;
            case "tb" -> 1e12;
            default -> -1;
        };
        try {
            if (factor > 0) {
                return new Bytes(Math.round(Double.parseDouble(trimmed.substring(0, split)) * factor));
            }
        } catch (NumberFormatException e) {
            // Falls through to the one error below: the text is no amount, whatever part of it is at fault.
        }
        throw new LeveeException(ErrorCode.BAD_VALUE, "'" + text + "' is not an amount of bytes")
                .hint("write a number and B, KiB, MiB, GiB or TiB, such as 20GiB");
    }

    @Override
    public int compareTo(Bytes other) {
        return Long.compare(value, other.value);
    }

    /** The amount in the largest unit that keeps it at 1 or more, such as {@code 1.5 GiB}. */
    @Override
    public String toString() {
        double amount = value;
        int unit = 0;
        while (amount >= 1024 && unit < UNITS.length - 1) {
            amount /= 1024;
            unit++;
        }
        return unit == 0 ? value + " B" : String.format(Locale.ROOT, "%.1f %s", amount, UNITS[unit]);
    }
}
