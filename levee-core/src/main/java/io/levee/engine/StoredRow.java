package io.levee.engine;

import org.jspecify.annotations.Nullable;

/**
 * A row as it is stored.
 *
 * @param values stored values in the order of the spec's columns
 * @param timeMicros its event time
 * @param seq its number in the table
 */
public record StoredRow(@Nullable Object[] values, long timeMicros, long seq) {}
