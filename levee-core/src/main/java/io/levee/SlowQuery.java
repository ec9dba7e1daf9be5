package io.levee;

import java.time.Duration;
import java.time.Instant;

/**
 * A query that took long (guarantees G51, G55). The newest are kept.
 *
 * @param id its number
 * @param what what it asked
 * @param at when it was submitted
 * @param waited how long it waited for a thread
 * @param ran how long it ran, fetching included
 * @param rows how many rows it handed over
 * @param end how it ended: {@code DONE}, or the code of its error
 * @param plan how it was run, in words; what it would have taken to know more is not spent on a slow query
 */
public record SlowQuery(
        long id, String what, Instant at, Duration waited, Duration ran, long rows, String end, String plan) {}
