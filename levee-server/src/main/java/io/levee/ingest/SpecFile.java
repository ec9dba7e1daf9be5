package io.levee.ingest;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationStep;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A table's spec with its entry {@code migrations}: the spec says what the table is now, the migrations how older stores come to it. Immutable.
 *
 * @param spec the spec
 * @param migrations in order; empty for none
 */
public record SpecFile(TableSpec spec, List<Migration> migrations) {
    private static final String MIGRATIONS = "migrations";

    /** Copies the list. */
    public SpecFile {
        migrations = List.copyOf(migrations);
    }

    /** One without migrations. */
    public static SpecFile of(TableSpec spec) {
        return new SpecFile(spec, List.of());
    }

    /**
     * Reads a file.
     *
     * @param file the file
     * @param table the table's name, whatever the file says
     * @throws LeveeException as {@link SpecFiles#read(Path)}
     */
    public static SpecFile read(Path file, String table) {
        try {
            return parse(SpecFiles.text(file), table, true);
        } catch (LeveeException e) {
            throw e.with("file", file.toString());
        }
    }

    /**
     * Reads a text.
     *
     * @param tableNameIfMissing the table's name where the text has none
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public static SpecFile parse(String yamlOrJson, String tableNameIfMissing) {
        return parse(yamlOrJson, tableNameIfMissing, false);
    }

    private static SpecFile parse(String text, String table, boolean always) {
        Map<String, Object> map = SpecFiles.load(text);
        if (always) {
            map.put("table", table);
        } else {
            map.putIfAbsent("table", table);
        }
        Object migrations = map.remove(MIGRATIONS);
        TableSpec spec = TableSpec.fromMap(map);
        List<Migration> read = migrations == null ? List.of() : MigrationFiles.of(migrations, spec.name());
        for (Migration migration : read) {
            if (!migration.table().equals(spec.name())) {
                throw new LeveeException(
                                ErrorCode.BAD_SPEC,
                                "the spec of the table " + spec.name() + " has a migration of the table "
                                        + migration.table())
                        .with("migration", migration.id())
                        .hint("write it into the spec of its own table, or into a file for levee migrate apply");
            }
        }
        return new SpecFile(spec, read);
    }

    /**
     * Declares the table as the spec says. In a store that has it, the migrations come first: what they add, drop and rename fits the columns of the
     * spec then. In one that has not, they find their effect there. They are made in the background; large ones wait for approval.
     *
     * @throws LeveeException as {@link Store#createTable} and {@link Store#migrate}
     */
    public Table<Row> declare(Store store) {
        boolean known = store.tables().stream().anyMatch(table -> table.name().equals(spec.name()));
        if (!known) {
            Table<Row> table = store.createTable(spec);
            migrate(store);
            return table;
        }
        migrate(store);
        return store.createTable(adapted(store.table(spec.name()).spec()));
    }

    /**
     * The spec with the names that the table has still: a renaming waits for the migrations before it, and its column must not be added in the meantime.
     */
    private TableSpec adapted(TableSpec present) {
        Map<String, String> waiting = new LinkedHashMap<>();
        for (int i = migrations.size() - 1; i >= 0; i--) {
            if (migrations.get(i).step() instanceof MigrationStep.RenameColumn rename
                    && present.position(rename.to()) < 0) {
                waiting.replaceAll((to, from) -> from.equals(rename.to()) ? rename.from() : from);
                waiting.putIfAbsent(rename.to(), rename.from());
            }
        }
        waiting.values().removeIf(from -> present.position(from) < 0);
        if (waiting.isEmpty()) {
            return spec;
        }
        Map<String, Object> map = new LinkedHashMap<>(spec.toMap());
        Map<String, Object> columns = new LinkedHashMap<>();
        if (map.get("columns") instanceof Map<?, ?> given) {
            given.forEach((name, form) ->
                    columns.put(waiting.getOrDefault(String.valueOf(name), String.valueOf(name)), form));
        }
        map.put("columns", columns);
        map.put(
                "indexes",
                spec.indexes().stream()
                        .map(index -> index.stream()
                                .map(column -> waiting.getOrDefault(column, column))
                                .toList())
                        .toList());
        return TableSpec.fromMap(map);
    }

    private void migrate(Store store) {
        if (!migrations.isEmpty()) {
            store.migrate(migrations, false);
        }
    }

    /** The form of spec files: that of the spec, with the migrations. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>(spec.toMap());
        if (!migrations.isEmpty()) {
            map.put(MIGRATIONS, migrations.stream().map(Migration::toMap).toList());
        }
        return map;
    }
}
