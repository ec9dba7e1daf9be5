package io.levee.sqlite;

import io.levee.Adoption.TimeUnit;

/** How a foreign column of times is read; how a range of ours is said in its values: {@link io.levee.internal.adopt.ForeignTimes}. */
final class AdoptedTime {
    private AdoptedTime() {}

    /** A column as whole microseconds since 1970; NULL where it holds no time. */
    static String micros(TimeUnit unit, String column) {
        return switch (unit) {
            case SECONDS -> number(column, "* 1000000", "* 1000000.0");
            case MILLIS -> number(column, "* 1000", "* 1000.0");
            case MICROS -> number(column, "", "");
            case NANOS -> number(column, "/ 1000", "/ 1000.0");
            case TEXT -> text(column);
        };
    }

    /** Past 64 bits a product becomes a real: the cast ends at the last whole number. */
    private static String number(String column, String whole, String real) {
        return "CASE typeof(" + column + ") WHEN 'integer' THEN CAST(" + column + " " + whole
                + " AS INTEGER) WHEN 'real' THEN CAST(round(" + column + " " + real + ") AS INTEGER) END";
    }

    /**
     * Seconds and fraction apart: SQLite rounds to milliseconds. Zones in every form of ISO-8601, of which SQLite knows {@code +02:00} alone;
     * {@code +0000 UTC}, as Go's default writes it, is UTC; a zone's name is not understood.
     */
    private static String text(String column) {
        String tail = "CASE WHEN substr(" + column + ", 20, 1) = '.' THEN ltrim(substr(" + column
                + ", 21), '0123456789') ELSE substr(" + column + ", 20) END";
        String zone = "CASE WHEN length(" + column + ") < 20 OR " + tail + " LIKE ' +0000%' THEN '' WHEN " + tail
                + " GLOB '[+-][0-9][0-9]' THEN " + tail + " || ':00' WHEN " + tail
                + " GLOB '[+-][0-9][0-9][0-9][0-9]' THEN substr(" + tail + ", 1, 3) || ':' || substr(" + tail
                + ", 4) ELSE " + tail + " END";
        String fraction = "CASE WHEN substr(" + column + ", 20, 1) = '.' THEN CAST(round(CAST('0.' || substr(" + column
                + ", 21, 6) AS REAL) * 1000000) AS INTEGER) ELSE 0 END";
        // A number alone would be taken for a Julian day.
        return "CASE WHEN typeof(" + column + ") = 'text' AND substr(" + column + ", 5, 1) = '-' THEN unixepoch(substr("
                + column + ", 1, 19) || " + zone + ") * 1000000 + " + fraction + " END";
    }

    /**
     * What is no time, and so has no place among them in an index; for a condition with OR. Not below {@code '0'}: a column declared as
     * DATETIME would have that as a number, and every text is above numbers.
     */
    static String noTime(TimeUnit unit, String column) {
        return unit == TimeUnit.TEXT
                ? column + " IS NULL OR " + column + " < '0!' OR " + column + " >= ':'"
                : column + " IS NULL OR " + column + " >= ''";
    }
}
