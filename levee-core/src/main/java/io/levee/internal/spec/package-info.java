/** Table specs as maps, and the comparison of an old spec with a new one. Not for users. */
@NullMarked
package io.levee.internal.spec;

import org.jspecify.annotations.NullMarked;
