/**
 * The {@code levee} command: one class a subcommand. Standard output carries results and nothing else; messages, progress and
 * errors go to standard error. Exit status: 0 done, 1 failed, 2 wrong usage.
 */
@NullMarked
package io.levee.cli;

import org.jspecify.annotations.NullMarked;
