package io.levee.internal.query;

import io.levee.Column;
import io.levee.internal.row.Values;
import org.jspecify.annotations.Nullable;

/**
 * One column of an answer of groups.
 *
 * @param name its name
 * @param column whose values it has; null for plain numbers, and for places in json columns
 * @param inJson whether it has the texts of a place in a json column
 * @param micros whether its numbers are microseconds
 */
record OutColumn(String name, @Nullable Column column, boolean inJson, boolean micros) {
    /** A stored value as users see it. */
    @Nullable
    Object read(@Nullable Object stored) {
        return column == null ? stored : Values.read(column, stored);
    }
}
