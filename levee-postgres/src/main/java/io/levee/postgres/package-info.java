/**
 * The engine on PostgreSQL 14 and later: a schema of partitioned tables, a second one for the catalog, and the server's own planner
 * for queries.
 */
@NullMarked
package io.levee.postgres;

import org.jspecify.annotations.NullMarked;
