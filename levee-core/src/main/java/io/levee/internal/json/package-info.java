/** A small JSON reader and writer: the core has no run-time dependency. Not for users. */
@NullMarked
package io.levee.internal.json;

import org.jspecify.annotations.NullMarked;
