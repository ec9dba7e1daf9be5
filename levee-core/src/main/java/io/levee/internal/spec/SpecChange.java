package io.levee.internal.spec;

import io.levee.Column;
import io.levee.ErrorCode;
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
                if (column.required()) {
                    throw conflict(
                                    stored,
                                    "column '" + column.name() + "' is new and required, but stored rows lack it")
                            .hint("declare it without required");
                }
                merged.column(column);
            }
        }
        wanted.indexes().forEach(index -> merged.index(index.toArray(String[]::new)));
        wanted.adoptions().forEach(merged::adopt);
        for (RollupSpec rollup : wanted.rollups()) {
            requireSameRollup(stored, rollup);
            merged.rollup(rollup);
        }
        return merged.build();
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
        return wanted;
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
