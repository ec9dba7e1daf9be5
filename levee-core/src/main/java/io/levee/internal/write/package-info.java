/** The way of a record from append to commit. Not for users. */
@NullMarked
package io.levee.internal.write;

import org.jspecify.annotations.NullMarked;
