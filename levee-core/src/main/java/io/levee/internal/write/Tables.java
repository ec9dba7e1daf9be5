package io.levee.internal.write;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.internal.spec.SpecChange;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The declared tables of an open store. Thread-safe. */
public final class Tables {
    private final StorageEngine engine;
    private final boolean readOnly;
    private final Map<String, TableState> states = new ConcurrentHashMap<>();

    /** The tables that the catalog knows. */
    public Tables(StorageEngine engine, boolean readOnly) {
        this.engine = engine;
        this.readOnly = readOnly;
        engine.tables().forEach(spec -> states.put(spec.name(), new TableState(engine, spec)));
        noteTimes();
    }

    /** Takes over the newest times that partitions are known to hold. */
    public final void noteTimes() {
        engine.partitions().forEach(this::noteTime);
    }

    private void noteTime(PartitionInfo partition) {
        TableState state = states.get(partition.id().table());
        if (state != null && partition.maxMicros() != Long.MAX_VALUE) {
            state.sawTime(partition.maxMicros());
        }
    }

    /** Declares a table, or brings its spec up to a compatible one. See {@link io.levee.Store#createTable}. */
    public synchronized TableState declare(TableSpec wanted) {
        TableState known = find(wanted.name());
        if (wanted.hidden() || known != null && known.spec().hidden()) {
            throw new LeveeException(
                            ErrorCode.SPEC_CONFLICT,
                            "the table " + wanted.name() + " holds a rollup, and is the store's own")
                    .with("table", wanted.name())
                    .hint("declare the rollup with its table");
        }
        return declared(wanted);
    }

    /**
     * The hidden table of a rollup, made where it is missing.
     *
     * @throws LeveeException {@link ErrorCode#SPEC_CONFLICT} where the name is taken
     */
    public synchronized TableState declareHidden(TableSpec hidden) {
        requireFree(hidden);
        return declared(hidden);
    }

    /** Refuses the hidden table of a rollup where its name is taken. */
    public synchronized void requireFree(TableSpec hidden) {
        TableState known = find(hidden.name());
        if (known != null && !Objects.equals(known.spec().rollupOf(), hidden.rollupOf())) {
            throw new LeveeException(
                            ErrorCode.SPEC_CONFLICT,
                            "a rollup of " + hidden.rollupOf() + " needs the table name " + hidden.name()
                                    + ", which is taken")
                    .with("table", hidden.name())
                    .hint("give the rollup another name");
        }
    }

    /** What is parsed and not acted upon yet would be a promise that nobody keeps. */
    private static void requireKept(TableSpec wanted) {
        RetentionRule rule = wanted.retention();
        if (rule.by() != null) {
            throw new LeveeException(
                            ErrorCode.NOT_SUPPORTED,
                            "retention of " + wanted.name() + " by class is not built yet")
                    .with("table", wanted.name())
                    .hint("use maxAge and maxBytes");
        }
    }

    private TableState declared(TableSpec wanted) {
        requireKept(wanted);
        TableState state = find(wanted.name());
        if (state == null) {
            requireWritable("declare the table " + wanted.name());
            for (String name : states.keySet()) {
                if (name.equalsIgnoreCase(wanted.name())) {
                    throw new LeveeException(
                            ErrorCode.SPEC_CONFLICT,
                            "the table " + name + " differs from " + wanted.name() + " only in case");
                }
            }
            engine.putTable(wanted);
            state = new TableState(engine, wanted);
            states.put(wanted.name(), state);
            return state;
        }
        TableSpec merged = SpecChange.merge(state.spec(), wanted);
        if (!merged.equals(state.spec()) && !readOnly) {
            engine.putTable(merged);
            state.spec(merged);
        }
        return state;
    }

    /**
     * A declared table.
     *
     * @throws LeveeException {@link ErrorCode#UNKNOWN_TABLE}
     */
    public TableState get(String name) {
        TableState state = find(name);
        if (state == null) {
            throw new LeveeException(ErrorCode.UNKNOWN_TABLE, "the store has no table '" + name + "'")
                    .with("table", name)
                    .hint(states.isEmpty() ? "declare one first" : "tables are " + new TreeMap<>(states).keySet());
        }
        return state;
    }

    /** Beside a live writer, tables may have been declared since this store was opened. */
    private @Nullable TableState find(String name) {
        TableState state = states.get(name);
        if (state == null && readOnly) {
            engine.tables().forEach(spec -> states.putIfAbsent(spec.name(), new TableState(engine, spec)));
            state = states.get(name);
        } else if (state != null && readOnly) {
            TableState known = state;
            engine.tables().stream().filter(spec -> spec.name().equals(name)).forEach(known::spec);
        }
        return state;
    }

    /** A declared table, or null. */
    @Nullable
    TableState known(String name) {
        return states.get(name);
    }

    /** The declared tables, by name. */
    public List<TableSpec> specs() {
        if (readOnly) {
            return engine.tables();
        }
        return new TreeMap<>(states).values().stream().map(TableState::spec).toList();
    }

    private void requireWritable(String what) {
        if (readOnly) {
            throw new LeveeException(ErrorCode.NOT_WRITABLE, "cannot " + what + ": the store was opened for reading");
        }
    }
}
