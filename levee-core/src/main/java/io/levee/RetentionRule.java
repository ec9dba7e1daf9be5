package io.levee;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How long, or how much of, a table is kept. "Kept at least" is the contract: a partition goes when everything in it is past
 * the promise, so a row may live up to one partition's width longer.
 *
 * @param maxAge rows younger than this are kept; null: age drops nothing
 * @param maxBytes the oldest closed partitions go while the table is larger; null: size drops nothing
 */
public record RetentionRule(
        @Nullable Duration maxAge, @Nullable Bytes maxBytes) {
    /** Nothing is ever dropped. */
    public static final RetentionRule KEEP_ALL = new RetentionRule(null, null);

    /**
     * Refuses ages and sizes that would drop everything.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public RetentionRule {
        if (maxAge != null && (maxAge.isZero() || maxAge.isNegative())) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "retention maxAge must be longer than 0 (got " + maxAge + ")");
        }
        if (maxBytes != null && maxBytes.value() == 0) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "retention maxBytes must be more than 0");
        }
    }

    /** Keeps rows at least this long. */
    public static RetentionRule maxAge(Duration age) {
        return new RetentionRule(age, null);
    }
}
