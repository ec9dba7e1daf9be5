/** Every background thread and task, under one supervisor. Not for users. */
@NullMarked
package io.levee.internal.supervisor;

import org.jspecify.annotations.NullMarked;
