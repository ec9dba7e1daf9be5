package io.levee;

import java.util.Locale;

/** How much time one partition covers. */
public enum PartitionBy {
    /** One UTC hour. */
    HOUR,
    /** One UTC day. */
    DAY,
    /** One ISO week, from Monday 00:00 UTC. */
    WEEK,
    /** One UTC calendar month. */
    MONTH,
    /** One UTC calendar year. */
    YEAR,
    /** All of time in one partition: for small keyed tables. */
    NONE,
    /** The smallest of the above that gives at most 60 partitions over the retention, or over the span seen. */
    AUTO;

    /**
     * The width of that name.
     *
     * @param name a width's name, in any case
     * @return the width
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} for an unknown name
     */
    public static PartitionBy of(String name) {
        for (PartitionBy by : values()) {
            if (by.specName().equals(name.toLowerCase(Locale.ROOT))) {
                return by;
            }
        }
        throw new LeveeException(ErrorCode.BAD_SPEC, "there is no partition width '" + name + "'")
                .hint("use hour, day, week, month, year, none or auto");
    }

    /** The name used in table specs. */
    public String specName() {
        return name().toLowerCase(Locale.ROOT);
    }
}
