package io.levee;

import io.levee.engine.StoredRow;
import io.levee.internal.row.Values;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A key as given by a caller, checked against a table and brought into stored form. */
final class RecordKey {
    private final TableSpec spec;
    private final Object[] stored;

    RecordKey(TableSpec spec, Object[] values) {
        this.spec = spec;
        if (!spec.keyed()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "the table " + spec.name() + " has no key")
                    .hint("declare one with key: in its spec, or use query with a filter");
        }
        if (values.length != spec.key().size()) {
            throw new LeveeException(
                    ErrorCode.BAD_QUERY,
                    "the key of " + spec.name() + " is " + spec.key() + ", and " + values.length
                            + " values were given");
        }
        this.stored = new Object[values.length];
        for (int i = 0; i < values.length; i++) {
            Object value = Values.store(spec.column(spec.key().get(i)), values[i]);
            if (value == null) {
                throw new LeveeException(
                        ErrorCode.NO_KEY, "column '" + spec.key().get(i) + "' is part of the key and null");
            }
            stored[i] = value;
        }
    }

    Object[] stored() {
        return stored;
    }

    /** The filter that lets only this key through. */
    Expr filter() {
        List<Expr> parts = new ArrayList<>();
        for (int i = 0; i < stored.length; i++) {
            Object value = Values.read(spec.column(spec.key().get(i)), stored[i]);
            parts.add(Expr.eq(spec.key().get(i), value == null ? "" : value));
        }
        return new Expr.And(parts);
    }

    /** Refuses changes of columns that are not there or make the key, before anything is queued. */
    void requireNotChanged(Map<String, ?> changes) {
        for (Map.Entry<String, ?> change : changes.entrySet()) {
            Column column = spec.column(change.getKey());
            if (spec.key().contains(column.name())) {
                throw new LeveeException(ErrorCode.BAD_VALUE, "column '" + column.name() + "' is part of the key")
                        .with("column", column.name())
                        .hint("delete the record and append it under its new key");
            }
            Values.store(column, change.getValue());
        }
    }

    /**
     * The row with the changes, checked like a new one.
     *
     * @param spec the table's present spec: columns that were added since the change was asked for keep their values
     */
    static Row changed(TableSpec spec, StoredRow old, Map<String, ?> changes) {
        RowBuilder row = Row.of(spec);
        for (int i = 0; i < spec.columns().size(); i++) {
            @Nullable Object value = i < old.values().length ? old.values()[i] : null;
            row.setStored(i, value);
        }
        changes.forEach(row::set);
        return row.build();
    }
}
