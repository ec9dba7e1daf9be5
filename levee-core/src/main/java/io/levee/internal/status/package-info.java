/** What a store tells about itself. Not for users. */
@NullMarked
package io.levee.internal.status;

import org.jspecify.annotations.NullMarked;
