/** Values, rows and codecs between them. Not for users. */
@NullMarked
package io.levee.internal.row;

import org.jspecify.annotations.NullMarked;
