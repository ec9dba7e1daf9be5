/** The embedded engine: partition files, connections and SQL on SQLite. */
@NullMarked
package io.levee.sqlite;

import org.jspecify.annotations.NullMarked;
