/**
 * The embedded engine: one SQLite file a partition. {@code docs/format.md} says what the files hold and how they live.
 *
 * <p>Users reach it through {@code io.levee.Levee}; nothing here is for them.
 */
@NullMarked
package io.levee.sqlite;

import org.jspecify.annotations.NullMarked;
