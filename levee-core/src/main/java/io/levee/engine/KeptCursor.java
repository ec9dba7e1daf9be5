package io.levee.engine;

/**
 * The place of a reader that comes again, as an engine keeps it.
 *
 * @param table the table
 * @param name the cursor's name, unique in its table
 * @param point the number that it is done with, and what core notes beside it; opaque to engines
 */
public record KeptCursor(String table, String name, SourcePoint point) {}
