package io.levee.ingest;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationStep;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Migrations as files: YAML or JSON, a list, or a map whose entry {@code migrations} is one. A map may name the {@code table} of those that name none.
 */
public final class MigrationFiles {
    private static final String EXAMPLE =
            "- {id: add-region, table: invocations, addColumn: {name: region, type: text, default: eu}}";

    private MigrationFiles() {}

    /**
     * Reads a file.
     *
     * @throws LeveeException {@link ErrorCode#NOT_FOUND}, {@link ErrorCode#IO_FAILED}, {@link ErrorCode#BAD_SPEC} with the file's name
     */
    public static List<Migration> read(Path file) {
        try {
            return parse(SpecFiles.text(file));
        } catch (LeveeException e) {
            throw e.with("file", file.toString());
        }
    }

    /**
     * Reads a text.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} naming what is at fault
     */
    public static List<Migration> parse(String yamlOrJson) {
        Object loaded = SpecFiles.loaded(yamlOrJson, "the migrations");
        if (loaded instanceof Map<?, ?> map) {
            for (Object entry : map.keySet()) {
                if (!entry.equals("migrations") && !entry.equals("table")) {
                    throw bad("a file of migrations has the unknown entry '" + entry + "'")
                            .hint("write a list of migrations, or migrations: and the list; the migrations of a spec"
                                    + " are made with the table: levee table create NAME --spec FILE");
                }
            }
            Object table = map.get("table");
            return of(map.get("migrations"), table == null ? null : table.toString());
        }
        return of(loaded, null);
    }

    /**
     * Reads the list itself.
     *
     * @param form the list, as it was loaded
     * @param table the table of those that name none; null: each has to name its own
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    static List<Migration> of(@Nullable Object form, @Nullable String table) {
        if (!(form instanceof List<?> list)) {
            throw bad("migrations must be a list (got " + form + ")").hint("write " + EXAMPLE);
        }
        List<Migration> migrations = new ArrayList<>();
        Set<String> ids = new HashSet<>();
        for (Object entry : list) {
            if (!(entry instanceof Map<?, ?> given)) {
                throw bad("a migration must be a map (got " + entry + ")").hint("write " + EXAMPLE);
            }
            Map<Object, @Nullable Object> map = new LinkedHashMap<>(given);
            if (table != null) {
                map.putIfAbsent("table", table);
            }
            Migration migration = Migration.fromMap(map);
            refuseJava(migration);
            if (!ids.add(migration.id())) {
                throw bad("two migrations are named '" + migration.id() + "'").with("migration", migration.id());
            }
            migrations.add(migration);
        }
        return List.copyOf(migrations);
    }

    /** What is a function of a program cannot be said in a file. */
    private static void refuseJava(Migration migration) {
        MigrationStep step = migration.step();
        if (step instanceof MigrationStep.BackfillRows || step instanceof MigrationStep.Custom) {
            throw new LeveeException(
                            ErrorCode.NOT_SUPPORTED,
                            "the migration " + migration.id() + " is a Java function (" + step.kind()
                                    + "), which a file cannot hold")
                    .with("migration", migration.id())
                    .hint("declare it in the program: Store.migrate; or write a backfill with an expression");
        }
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, what);
    }
}
