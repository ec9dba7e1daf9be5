package io.levee.ingest;

import io.levee.TimeFormat;
import io.levee.internal.time.Micros;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Fields that were nearly event times, and the one value of each that keeps it from being one: by its line, for a person to look at. */
final class TimeDoubts {
    private TimeDoubts() {}

    /**
     * What keeps a field from being a time.
     *
     * @param field its name
     * @param line where the value is, from 1
     * @param value the value
     * @param why in words
     */
    record Doubt(String field, long line, String value, String why) {
        @Override
        public String toString() {
            return "'" + field + "' on line " + line + " is '" + value + "', " + why;
        }
    }

    /**
     * Those among the fields that are no times: first those of which some values are, then those whose name alone says so.
     *
     * @param named whether the latter too
     */
    static List<Doubt> of(Collection<FieldStats> fields, EventTime times, boolean named) {
        List<Doubt> nearly = new ArrayList<>();
        List<Doubt> byName = new ArrayList<>();
        for (FieldStats field : fields) {
            boolean some = field.times.some();
            Doubt doubt = some ? text(field, times) : named ? byName(field, times) : null;
            if (doubt != null) {
                (some ? nearly : byName).add(doubt);
            }
        }
        nearly.addAll(byName);
        return nearly;
    }

    private static @Nullable Doubt text(FieldStats field, EventTime times) {
        if (field.odd != null) {
            return new Doubt(field.name, field.oddLine, field.odd, "no time of the form that others have");
        }
        if (!times.plausible(field.times.least)) {
            return new Doubt(field.name, field.times.leastLine, Micros.text(field.times.least), "before 1980");
        }
        return times.plausible(field.times.greatest)
                ? null
                : new Doubt(field.name, field.times.greatestLine, Micros.text(field.times.greatest), "in the future");
    }

    private static @Nullable Doubt byName(FieldStats field, EventTime times) {
        if (!EventTime.soundsLikeTime(field.name)) {
            return null;
        }
        if (field.odd != null) {
            return new Doubt(field.name, field.oddLine, field.odd, "no time in a form that is known");
        }
        return field.onlyNumbers() && times.unit(field) == null ? number(field, times) : null;
    }

    /** The number that is no time in a unit in which the one at the other end is. */
    private static @Nullable Doubt number(FieldStats field, EventTime times) {
        for (TimeFormat.Unit unit : TimeFormat.Unit.values()) {
            boolean least = times.plausible(field.numbers.least, unit);
            if (least || times.plausible(field.numbers.greatest, unit)) {
                String why = "no time since 1980 in the unit that others have";
                return least
                        ? new Doubt(field.name, field.numbers.greatestLine, Long.toString(field.numbers.greatest), why)
                        : new Doubt(field.name, field.numbers.leastLine, Long.toString(field.numbers.least), why);
            }
        }
        return null;
    }
}
