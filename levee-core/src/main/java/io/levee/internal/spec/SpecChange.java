package io.levee.internal.spec;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.RollupSpec;
import io.levee.TableSpec;

/** What a stored spec becomes when a table is declared again. */
public final class SpecChange {
    private SpecChange() {}

    /**
     * The stored columns with their stored types, then the new ones; the rest as wanted.
     *
     * @throws LeveeException {@link ErrorCode#SPEC_CONFLICT} where types, details, key or time differ
     */
    public static TableSpec merge(TableSpec stored, TableSpec wanted) {
        if (stored.equals(wanted)) {
            return stored;
        }
        requireSame(stored, "key", stored.key(), wanted.key());
        requireSame(stored, "time", stored.time(), wanted.time());
        TableSpec.Builder merged = TableSpec.builder(stored.name())
                .time(stored.time().toArray(String[]::new))
                .key(stored.key().toArray(String[]::new))
                .partitionBy(wanted.partitionBy())
                .retention(wanted.retention())
                .fulltext(wanted.fulltext().toArray(String[]::new))
                .unknown(wanted.unknown())
                .rollupOf(stored.rollupOf());
        for (Column column : stored.columns()) {
            int at = wanted.position(column.name());
            merged.column(
                    at < 0
                            ? optional(column)
                            : changed(stored, column, wanted.columns().get(at)));
        }
        for (Column column : wanted.columns()) {
            if (stored.position(column.name()) < 0) {
                requireNeverThere(stored, column.name());
                if (column.required()) {
                    throw conflict(
                                    stored,
                                    "column '" + column.name() + "' is new and required, but stored rows lack it")
                            .hint("declare it without required");
                }
                merged.column(column);
            }
        }
        stored.namedIndexes().forEach(merged::index);
        wanted.namedIndexes().forEach(index -> {
            requireSameIndex(stored, index);
            merged.index(index);
        });
        stored.formerNames().forEach(merged::formerNames);
        stored.droppedColumns().values().forEach(merged::dropped);
        wanted.indexes().forEach(index -> merged.index(index.toArray(String[]::new)));
        wanted.adoptions().forEach(merged::adopt);
        for (RollupSpec rollup : wanted.rollups()) {
            requireSameRollup(stored, rollup);
            merged.rollup(rollup);
        }
        return merged.build();
    }

    /** A program that declares a column which a migration took away or renamed has to be told: it would read nothing. */
    private static void requireNeverThere(TableSpec stored, String column) {
        stored.formerNames().forEach((now, former) -> {
            if (former.contains(column)) {
                throw conflict(stored, "the column '" + column + "' was renamed to '" + now + "' by a migration")
                        .hint("declare it as '" + now + "'");
            }
        });
        if (stored.droppedColumns().containsKey(column)) {
            throw conflict(stored, "the column '" + column + "' was dropped by a migration")
                    .hint("leave it out; a migration (addColumn) can add it again once all partitions have lost it");
        }
    }

    private static void requireSameIndex(TableSpec stored, IndexSpec wanted) {
        for (IndexSpec known : stored.namedIndexes()) {
            if (known.name().equals(wanted.name()) && !known.equals(wanted)) {
                throw conflict(
                                stored,
                                "the index '" + wanted.name() + "' is over " + known.parts() + ", and declared over "
                                        + wanted.parts())
                        .hint("drop it by a migration (dropIndex), or give the new one another name");
            }
        }
    }

    /** Figures of another shape could not be merged with those that are kept; how long they are kept may change. */
    private static void requireSameRollup(TableSpec stored, RollupSpec wanted) {
        for (RollupSpec known : stored.rollups()) {
            if (known.name().equals(wanted.name())) {
                RollupSpec asKept =
                        new RollupSpec(wanted.name(), wanted.every(), wanted.by(), wanted.measures(), known.keep());
                if (!asKept.equals(known)) {
                    throw conflict(
                                    stored,
                                    "the rollup '" + wanted.name() + "' is kept as " + known + " and declared as "
                                            + wanted)
                            .hint("give the new one another name");
                }
            }
        }
    }

    /** A column that the new declaration lacks stays stored, and can be left out from now on. */
    private static Column optional(Column column) {
        return column.asOptional();
    }

    private static Column changed(TableSpec table, Column stored, Column wanted) {
        requireSame(
                table,
                "column '" + stored.name() + "'",
                stored.type().specName(),
                wanted.type().specName());
        requireSame(table, "detail of column '" + stored.name() + "'", stored.detail(), wanted.detail());
        // What a migration has given to older rows is not for a declaration to take back.
        return wanted.filled()
                ? wanted
                : wanted.withDefault(stored.defaultValue()).withExpression(stored.expression());
    }

    private static void requireSame(TableSpec table, String what, Object stored, Object wanted) {
        if (!stored.equals(wanted)) {
            throw conflict(table, what + " is stored as " + stored + " and declared as " + wanted)
                    .hint(
                            "keep it as stored, or use a new column (a new table for another key or time) and copy the rows");
        }
    }

    private static LeveeException conflict(TableSpec table, String what) {
        return new LeveeException(ErrorCode.SPEC_CONFLICT, "table " + table.name() + ": " + what)
                .with("table", table.name());
    }
}
