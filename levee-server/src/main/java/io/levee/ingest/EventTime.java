package io.levee.ingest;

import io.levee.TimeFormat;
import io.levee.internal.time.Micros;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Which fields hold times, and which of them is the event time. */
final class EventTime {
    private static final Instant EARLIEST = Instant.parse("1980-01-01T00:00:00Z");
    /** A time that most records lack is not the time of the record. */
    private static final double LEAST_COVERAGE = 0.5;

    private static final Pattern WORD_ENDS = Pattern.compile("[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])");
    private static final Set<String> TIME_WORDS = Set.of(
            "time",
            "timestamp",
            "ts",
            "date",
            "datetime",
            "at",
            "when",
            "created",
            "updated",
            "modified",
            "started",
            "finished",
            "epoch",
            "expires",
            "received",
            "reported");

    /** Names of event times, the likeliest first; compared in lower case, without leading underscores and {@code @}. */
    private static final List<String> NAMES = List.of(
            "timestamp",
            "event_time",
            "eventtime",
            "time",
            "ts",
            "datetime",
            "finished_at",
            "ended_at",
            "end_time",
            "completed_at",
            "committer_date",
            "created_at",
            "received_at",
            "reported_at",
            "start_time",
            "started_at",
            "submit_time",
            "submitted_at",
            "date");

    private final long earliest = Micros.of(EARLIEST);
    private final long latest;

    /**
     * A field that may be the event time.
     *
     * @param field the field
     * @param from its first time, microseconds
     * @param to its last time, microseconds
     * @param score how likely it is
     * @param reason why, in words
     */
    record Candidate(FieldStats field, long from, long to, double score, String reason) {}

    EventTime(Instant latest) {
        this.latest = Micros.of(latest);
    }

    /** The unit in which all numbers of a field are plausible times; null where there is none. */
    TimeFormat.@Nullable Unit unit(FieldStats field) {
        if (!field.onlyNumbers() || field.past64Bits || !soundsLikeTime(field.name)) {
            return null;
        }
        for (TimeFormat.Unit unit :
                List.of(TimeFormat.Unit.S, TimeFormat.Unit.MS, TimeFormat.Unit.US, TimeFormat.Unit.NS)) {
            if (plausible(field.numbers.least, unit) && plausible(field.numbers.greatest, unit)) {
                return unit;
            }
        }
        return null;
    }

    private static boolean fits(long value, TimeFormat.Unit unit) {
        return unit == TimeFormat.Unit.NS || unit == TimeFormat.Unit.US || Math.abs(value) < 9_000_000_000_000L;
    }

    /** Whether a number is a plausible time in a unit. */
    boolean plausible(long value, TimeFormat.Unit unit) {
        return fits(value, unit) && plausible(TimeFormat.epoch(unit).fromNumber(value));
    }

    /** Whether a time is one that records have: 1980 until now. */
    boolean plausible(long micros) {
        return micros >= earliest && micros <= latest;
    }

    /** How a field's values are read as times; null where they are none. */
    @Nullable
    TimeFormat format(FieldStats field) {
        TimeFormat.Unit unit = unit(field);
        if (unit != null) {
            return TimeFormat.epoch(unit);
        }
        return field.onlyTexts() && field.time.possible() ? field.time.format() : null;
    }

    /** Whether a field may be the event time, and how well it would do; null where it may not. */
    @Nullable
    Candidate candidate(FieldStats field, long records) {
        TimeFormat format = format(field);
        if (format == null) {
            return null;
        }
        boolean text = format.unit() == null;
        long from = text ? field.times.least : format.fromNumber(field.numbers.least);
        long to = text ? field.times.greatest : format.fromNumber(field.numbers.greatest);
        if (!plausible(from) || !plausible(to)) {
            return null;
        }
        double coverage = (double) field.values / records;
        if (coverage < LEAST_COVERAGE) {
            return null;
        }
        double inOrder = 1 - (double) field.stepsBack / Math.max(1, field.values - 1);
        int rank = NAMES.indexOf(bare(field.name));
        double name = rank >= 0 ? 60 - rank : soundsLikeTime(field.name) ? 20 : 0;
        // A record without event time is refused: coverage weighs more than any name.
        double score = 200 * coverage + name + 15 * inOrder - (text && field.time.datesOnly() ? 40 : 0);
        String form = text ? field.time.words() : "numbers that are " + words(format) + " since 1970";
        String reason = String.format(
                Locale.ROOT,
                "%s in %s, %s to %s, %.1f%% of steps forward or equal%s",
                form,
                coverage >= 1 ? "every record" : String.format(Locale.ROOT, "%.2f%% of records", 100 * coverage),
                Micros.text(from),
                Micros.text(to),
                100 * inOrder,
                rank >= 0 ? ", and the name says so" : "");
        return new Candidate(field, from, to, score, reason);
    }

    private static String words(TimeFormat format) {
        return switch (format.unit() == null ? TimeFormat.Unit.US : format.unit()) {
            case S -> "seconds";
            case MS -> "milliseconds";
            case US -> "microseconds";
            case NS -> "nanoseconds";
        };
    }

    private static String bare(String name) {
        int at = 0;
        while (at < name.length() && (name.charAt(at) == '_' || name.charAt(at) == '@')) {
            at++;
        }
        return name.substring(at).toLowerCase(Locale.ROOT);
    }

    /** Whether a word of the name is a word for time. */
    static boolean soundsLikeTime(String name) {
        return WORD_ENDS.splitAsStream(name).anyMatch(w -> TIME_WORDS.contains(w.toLowerCase(Locale.ROOT)));
    }
}
