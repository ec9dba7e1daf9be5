/**
 * What an engine does for a store, at the level of intent: append these rows, run this query, list, drop, measure.
 *
 * <p>For engines, not for users: it may change in any release. {@code core} decides when and how much, an engine knows how.
 */
@NullMarked
package io.levee.engine;

import org.jspecify.annotations.NullMarked;
