/** Online schema change: what migrations mean, and the thread that makes them. Not for users. */
@NullMarked
package io.levee.internal.migration;

import org.jspecify.annotations.NullMarked;
