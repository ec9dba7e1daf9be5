package io.levee.engine;

import io.levee.Column;
import io.levee.TableSpec;
import java.util.List;

/**
 * The rows that were written or changed after a number.
 *
 * @param spec the table
 * @param after the last number that is known already
 * @param limit most rows
 * @param columns the columns wanted; the sink gets them, then event time, {@code _seq}, and the number of the last change
 */
public record TailQuery(TableSpec spec, long after, int limit, List<Column> columns) {}
