package io.levee.ingest;

import io.levee.LeveeException;
import io.levee.TimeFormat;
import io.levee.internal.time.Micros;
import java.time.DateTimeException;
import java.time.ZoneId;
import org.jspecify.annotations.Nullable;

/** Whether all text values of a field are times, and of which form. A form that one value does not have is out for good. */
final class TimeText {
    /** The time of web servers' access logs. */
    static final String ACCESS_LOG = "dd/MMM/yyyy:HH:mm:ss Z";

    private static final TimeFormat ACCESS_LOG_FORMAT = TimeFormat.pattern(ACCESS_LOG, null);
    private static final TimeFormat ISO_UTC = TimeFormat.isoIn(ZoneId.of("UTC"));
    private static final int SHORTEST = "2026-05-20".length();
    private static final int LONGEST = 40;

    private boolean iso = true;
    private boolean accessLog = true;
    private boolean sawLocal;
    private boolean sawOffset;
    private boolean sawClock;
    private boolean finerThanMicros;
    private boolean offsets;

    /** Looks at a value; answers its time in microseconds, or null where it is none of a form that is left. */
    @Nullable
    Long look(String text) {
        if (!possible() || text.length() < SHORTEST || text.length() > LONGEST) {
            iso = false;
            accessLog = false;
            return null;
        }
        if (iso) {
            Long micros = iso(text);
            if (micros != null) {
                accessLog = false;
                return micros;
            }
            iso = false;
        }
        if (accessLog) {
            try {
                return ACCESS_LOG_FORMAT.fromText(text);
            } catch (LeveeException e) {
                accessLog = false;
            }
        }
        return null;
    }

    private @Nullable Long iso(String text) {
        try {
            long micros = Micros.parseIso(text);
            if (micros == Micros.NO_OFFSET) {
                micros = ISO_UTC.fromText(text);
                sawLocal = true;
            } else {
                sawOffset = true;
                char end = text.charAt(text.length() - 1);
                offsets |= end != 'Z' && end != 'z' && !text.endsWith("+00:00");
            }
            sawClock |= text.length() > SHORTEST;
            finerThanMicros |= digitsOfFraction(text) > 6;
            return micros;
        } catch (DateTimeException | LeveeException e) {
            return null;
        }
    }

    private static int digitsOfFraction(String text) {
        int dot = Math.max(text.indexOf('.'), text.indexOf(','));
        int at = dot + 1;
        while (dot >= 0 && at < text.length() && Character.isDigit(text.charAt(at))) {
            at++;
        }
        return dot < 0 ? 0 : at - dot - 1;
    }

    /** Whether all values so far have one form. */
    boolean possible() {
        return iso || accessLog;
    }

    /** Whether all values are dates without a time of day. */
    boolean datesOnly() {
        return iso && !sawClock;
    }

    /** Whether a value lacks an offset. */
    boolean local() {
        return iso && sawLocal;
    }

    /** Whether a value has an offset other than UTC, which the instant does not keep. */
    boolean otherOffsets() {
        return iso && offsets;
    }

    /** Whether a value has digits past the microsecond. */
    boolean finerThanMicros() {
        return finerThanMicros;
    }

    /** How a column of such values is read; local times as UTC. */
    TimeFormat format() {
        if (!iso) {
            return ACCESS_LOG_FORMAT;
        }
        return sawLocal ? ISO_UTC : TimeFormat.ISO;
    }

    /** The form in words. */
    String words() {
        if (!iso) {
            return "text like 17/May/2015:10:05:03 +0000";
        }
        return sawLocal && !sawOffset ? "ISO-8601 text without an offset" : "ISO-8601 text";
    }
}
