/**
 * The public API: open a {@link io.levee.Store}, declare a {@link io.levee.Table}, append, query, expire.
 *
 * <p>Everything a user types is here; engines implement {@code io.levee.engine}. Times are microseconds since the epoch, UTC,
 * wherever a {@code long} carries one, and such names end in {@code Micros}.
 */
@NullMarked
package io.levee;

import org.jspecify.annotations.NullMarked;
