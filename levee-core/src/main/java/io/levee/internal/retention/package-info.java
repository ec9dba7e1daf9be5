/** What has to go, and the one place that makes it go. Not for users. */
@NullMarked
package io.levee.internal.retention;

import org.jspecify.annotations.NullMarked;
