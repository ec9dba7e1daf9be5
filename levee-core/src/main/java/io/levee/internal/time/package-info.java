/** Clocks and microseconds. Not for users. */
@NullMarked
package io.levee.internal.time;

import org.jspecify.annotations.NullMarked;
