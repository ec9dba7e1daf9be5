package io.levee;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How long, or how much of, a table is kept. "Kept at least" is the contract: a partition goes when everything in it is past
 * the promise, so a row may live up to one partition's width longer. Each rule drops for itself, in the order age, size, number of
 * records. Immutable; made by {@link #builder}.
 *
 * @param maxAge rows younger than this are kept; null: age drops nothing. With {@code by} it is the promise of every class that
 *     {@code classes} does not name
 * @param maxBytes the oldest closed partitions go while the table is larger; null: size drops nothing
 * @param keepNewest how many of the newest rows are kept, of the table or, with {@code per}, of each key; 0: number drops nothing
 * @param per the columns whose values each keep {@code keepNewest} rows of their own; empty: the table as a whole
 * @param by the column whose value is a row's class, each with a life of its own; null: all rows are of one class
 * @param classes the promises of classes, by the text of the column's value
 * @param unbounded whether the table grows without a bound on purpose; without it, one that has no bound is warned about
 */
public record RetentionRule(
        @Nullable Duration maxAge,
        @Nullable Bytes maxBytes,
        long keepNewest,
        List<String> per,
        @Nullable String by,
        Map<String, Duration> classes,
        boolean unbounded) {
    /** Most classes of a table: each has partitions of its own. */
    public static final int MAX_CLASSES = 32;

    /** Most rows of {@code keepNewest} with {@code per}. */
    public static final long MAX_PER_KEY = 10_000_000;

    /** Nothing is ever dropped, and status warns about it. */
    public static final RetentionRule KEEP_ALL = builder().build();

    /** Nothing is ever dropped, on purpose. */
    public static final RetentionRule UNBOUNDED = builder().unbounded().build();

    /**
     * Refuses what would drop everything, and what contradicts itself.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public RetentionRule {
        per = List.copyOf(per);
        classes = Collections.unmodifiableMap(new LinkedHashMap<>(classes));
        if (maxAge != null) {
            requireLong("maxAge", maxAge);
        }
        classes.forEach((name, age) -> {
            if (name.isEmpty()) {
                throw bad("a class has a name: rows whose " + by + " is empty or null are of the default");
            }
            requireLong("class '" + name + "'", age);
        });
        if (maxBytes != null && maxBytes.value() == 0) {
            throw bad("maxBytes must be more than 0");
        }
        if (keepNewest < 0) {
            throw bad("keepNewest must be at least 1 (got " + keepNewest + "); leave it out to keep all");
        }
        if (!per.isEmpty() && (keepNewest < 1 || keepNewest > MAX_PER_KEY)) {
            throw bad("per " + per + " needs a keepNewest from 1 to " + MAX_PER_KEY + " (got " + keepNewest + ")");
        }
        if (new LinkedHashSet<>(per).size() != per.size()) {
            throw bad("per names a column twice: " + per);
        }
        if (by == null && !classes.isEmpty()) {
            throw bad("the classes " + classes.keySet() + " need a column: by");
        }
        if (by != null && classes.isEmpty()) {
            throw bad("by '" + by + "' needs the age of at least one of its values");
        }
        if (classes.size() > MAX_CLASSES) {
            throw bad("a table has at most " + MAX_CLASSES + " classes (got " + classes.size() + ")");
        }
        if (unbounded && (maxBytes != null || keepNewest > 0 || maxAge != null)) {
            throw bad("unbounded: true contradicts the bound beside it");
        }
    }

    /** A rule of age and size. */
    public RetentionRule(@Nullable Duration maxAge, @Nullable Bytes maxBytes) {
        this(maxAge, maxBytes, 0, List.of(), null, Map.of(), false);
    }

    /** Keeps rows at least this long. */
    public static RetentionRule maxAge(Duration age) {
        return builder().maxAge(age).build();
    }

    /** Starts a rule that drops nothing. */
    public static Builder builder() {
        return new Builder();
    }

    /** Starts from this rule. */
    public Builder toBuilder() {
        Builder builder = new Builder();
        builder.maxAge = maxAge;
        builder.maxBytes = maxBytes;
        builder.keepNewest = keepNewest;
        builder.per.addAll(per);
        builder.by = by;
        builder.classes.putAll(classes);
        builder.unbounded = unbounded;
        return builder;
    }

    /**
     * The age that rows of a class are kept for at least.
     *
     * @param retentionClass the class, as in {@link PartitionId#retentionClass}: empty for rows of none that is named
     * @return the age; null: age drops nothing of it
     */
    public @Nullable Duration ageOf(String retentionClass) {
        return classes.getOrDefault(retentionClass, maxAge);
    }

    /** The longest age that any class is kept for; null where age drops nothing of some. */
    public @Nullable Duration longestAge() {
        Duration longest = maxAge;
        for (Duration age : classes.values()) {
            longest = longest != null && longest.compareTo(age) < 0 ? age : longest;
        }
        return longest;
    }

    /** Whether something keeps the table from growing for ever: an age for all of its rows, a size or a number. */
    public boolean bounded() {
        return maxAge != null || maxBytes != null || keepNewest > 0;
    }

    /** Whether nothing is ever dropped. */
    public boolean keepsAll() {
        return !bounded() && classes.isEmpty();
    }

    private static void requireLong(String what, Duration age) {
        if (age.isZero() || age.isNegative()) {
            throw bad(what + " must be longer than 0 (got " + age + ")");
        }
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, "retention " + what);
    }

    /** Collects a rule. Not thread-safe. */
    public static final class Builder {
        private @Nullable Duration maxAge;
        private @Nullable Bytes maxBytes;
        private long keepNewest;
        private final List<String> per = new ArrayList<>();
        private @Nullable String by;
        private final Map<String, Duration> classes = new LinkedHashMap<>();
        private boolean unbounded;

        private Builder() {}

        /** Keeps rows at least this long; with {@link #by} those of classes without an age of their own. Null: for ever. */
        public Builder maxAge(@Nullable Duration age) {
            maxAge = age;
            return this;
        }

        /** Drops the oldest closed partitions while the table is larger. Null: whatever its size. */
        public Builder maxBytes(@Nullable Bytes bytes) {
            maxBytes = bytes;
            return this;
        }

        /**
         * Keeps the newest rows of the table, or of each value of these columns, and drops those before them.
         *
         * @param rows how many
         * @param columns the key; none: the newest of the table as a whole
         */
        public Builder keepNewest(long rows, String... columns) {
            if (rows < 1) {
                throw bad("keepNewest must be at least 1 (got " + rows + ")");
            }
            keepNewest = rows;
            per.clear();
            per.addAll(List.of(columns));
            return this;
        }

        /** Says which column's value is a row's class. */
        public Builder by(String column) {
            by = column;
            return this;
        }

        /**
         * Keeps the rows of a class at least this long, whatever {@link #maxAge} says.
         *
         * @param value the text of the column's value: {@code FAILURE}, {@code 404}, {@code true}
         */
        public Builder keep(String value, Duration age) {
            classes.put(value, age);
            return this;
        }

        /** Says that the table grows without a bound on purpose. */
        public Builder unbounded() {
            unbounded = true;
            return this;
        }

        /**
         * Checks the parts against each other.
         *
         * @throws LeveeException {@link ErrorCode#BAD_SPEC}
         */
        public RetentionRule build() {
            return new RetentionRule(maxAge, maxBytes, keepNewest, per, by, classes, unbounded);
        }
    }
}
