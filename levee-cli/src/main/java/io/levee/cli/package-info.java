/** The {@code levee} command. */
@NullMarked
package io.levee.cli;

import org.jspecify.annotations.NullMarked;
