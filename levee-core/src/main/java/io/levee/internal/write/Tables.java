package io.levee.internal.write;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.internal.spec.SpecChange;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The declared tables of an open store. Thread-safe. */
public final class Tables {
    /** Longest text of a class, in bytes of UTF-8. */
    private static final int LONGEST_CLASS = 40;

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
        noteTimes(engine.partitions());
    }

    /**
     * Takes over the newest times of these partitions: what was adopted or restored came in without a record that would have told of its
     * time.
     */
    public final void noteTimes(List<PartitionInfo> partitions) {
        partitions.forEach(this::noteTime);
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

    /** What a class's partitions hold is told by their class alone: they cannot be those of another column's values. */
    private void requireSameColumn(TableSpec stored, TableSpec wanted) {
        String by = wanted.retention().by();
        if (by == null || by.equals(stored.retention().by())) {
            return;
        }
        for (PartitionInfo partition : engine.partitions()) {
            PartitionId id = partition.id();
            if (id.table().equals(wanted.name()) && !id.retentionClass().isEmpty()) {
                throw new LeveeException(
                                ErrorCode.SPEC_CONFLICT,
                                "table " + wanted.name() + ": its records get classes by '" + by
                                        + "', and the partition " + id + " is one of classes that were declared before")
                        .with("table", wanted.name())
                        .hint("keep the column that they were declared by, or use a new table and copy the rows");
            }
        }
    }

    /** Classes are in the names of files, beside those of table and period. */
    private static void requireNames(TableSpec wanted) {
        Set<String> names = new HashSet<>();
        for (String named : wanted.retention().classes().keySet()) {
            if (named.getBytes(StandardCharsets.UTF_8).length > LONGEST_CLASS) {
                throw badClass(wanted, "'" + named + "' has more than " + LONGEST_CLASS + " bytes");
            }
            if (!names.add(named.toLowerCase(Locale.ROOT))) {
                throw badClass(wanted, "'" + named + "' differs from another one only in case");
            }
        }
    }

    private static LeveeException badClass(TableSpec wanted, String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, "retention of " + wanted.name() + ": the class " + what)
                .with("table", wanted.name())
                .hint("classes are in the names of partitions' files; leave it to the default");
    }

    private TableState declared(TableSpec wanted) {
        requireNames(wanted);
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
        requireSameColumn(state.spec(), wanted);
        TableSpec merged = SpecChange.merge(state.spec(), wanted);
        if (!merged.equals(state.spec()) && !readOnly) {
            engine.putTable(merged);
            state.spec(merged);
        }
        return state;
    }

    /** A migration has made this of a table's spec, durably. The writer stands still. */
    public synchronized void took(TableSpec spec) {
        get(spec.name()).spec(spec);
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
