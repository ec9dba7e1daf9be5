package io.levee.internal.spec;

import io.levee.ErrorCode;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStep;
import io.levee.MigrationStep.AddColumn;
import io.levee.MigrationStep.AddIndex;
import io.levee.MigrationStep.Backfill;
import io.levee.MigrationStep.BackfillRows;
import io.levee.MigrationStep.Custom;
import io.levee.MigrationStep.DropColumn;
import io.levee.MigrationStep.DropIndex;
import io.levee.MigrationStep.RenameColumn;
import io.levee.internal.json.Json;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A {@link Migration} as the map that files, the HTTP API and the stored copies share, and back. */
public final class MigrationCodec {
    private static final Set<String> KINDS = new java.util.TreeSet<>(Set.of(
            "addColumn", "addIndex", "dropIndex", "dropColumn", "renameColumn", "backfill", "backfillRows", "custom"));

    private MigrationCodec() {}

    /** See {@link Migration#toMap}. */
    public static Map<String, Object> toMap(Migration migration) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("id", migration.id());
        map.put("table", migration.table());
        map.put(migration.step().kind(), form(migration.step()));
        return map;
    }

    private static Object form(MigrationStep step) {
        // Patterns in switches are none of Java 17.
        if (step instanceof AddColumn add) {
            return ColumnCodec.named(add.column());
        }
        if (step instanceof AddIndex add) {
            return add.index().toMap();
        }
        if (step instanceof DropIndex drop) {
            return drop.name();
        }
        if (step instanceof DropColumn drop) {
            return drop.column();
        }
        Map<String, Object> map = new LinkedHashMap<>();
        if (step instanceof RenameColumn rename) {
            map.put("from", rename.from());
            map.put("to", rename.to());
        } else if (step instanceof Backfill fill) {
            map.put("set", fill.set());
            if (!fill.lookups().isEmpty()) {
                Map<String, Object> lookups = new LinkedHashMap<>();
                fill.lookups().forEach((name, lookup) -> lookups.put(name, lookup.toMap()));
                map.put("lookups", lookups);
            }
            String where = fill.where();
            if (where != null) {
                map.put("where", where);
            }
        } else if (step instanceof BackfillRows rows) {
            map.put("version", rows.version());
            map.put("columns", rows.columns());
        } else if (step instanceof Custom custom) {
            map.put("version", custom.version());
        }
        return map;
    }

    /** See {@link Migration#fromMap}. */
    public static Migration fromMap(Map<?, ?> map) {
        Object id = map.get("id");
        Object table = map.get("table");
        if (id == null || table == null) {
            throw bad("a migration lacks '" + (id == null ? "id" : "table") + "' (got " + map + ")");
        }
        String kind = null;
        for (Object entry : map.keySet()) {
            String name = String.valueOf(entry);
            if (name.equals("id") || name.equals("table")) {
                continue;
            }
            if (!KINDS.contains(name) || kind != null) {
                throw bad("the migration " + id + " has "
                                + (kind == null
                                        ? "the unknown step '" + name + "'"
                                        : "two steps: " + kind + ", " + name))
                        .hint("steps are " + KINDS + ", one a migration");
            }
            kind = name;
        }
        if (kind == null) {
            throw bad("the migration " + id + " has no step").hint("steps are " + KINDS);
        }
        return new Migration(id.toString(), table.toString(), step(id.toString(), kind, map.get(kind)));
    }

    private static MigrationStep step(String id, String kind, @Nullable Object form) {
        String what = kind + " of the migration " + id;
        switch (kind) {
            case "dropIndex" -> {
                return new DropIndex(text(what, form));
            }
            case "dropColumn" -> {
                return new DropColumn(text(what, form));
            }
            default -> {
                // A map.
            }
        }
        if (!(form instanceof Map<?, ?> map)) {
            throw bad(what + " must be a map (got " + form + ")");
        }
        return switch (kind) {
            case "addColumn" -> new AddColumn(ColumnCodec.column(map));
            case "addIndex" -> new AddIndex(IndexSpec.fromMap(map));
            case "renameColumn" -> {
                known(what, map, Set.of("from", "to"));
                yield new RenameColumn(text(what, map.get("from")), text(what, map.get("to")));
            }
            case "backfill" -> backfill(what, map);
            case "backfillRows" -> {
                known(what, map, Set.of("version", "columns"));
                yield new BackfillRows(
                        text(what, map.get("version")), SpecEntries.texts("columns", map.get("columns")), row -> {
                            throw undeclared(id);
                        });
            }
            default -> {
                known(what, map, Set.of("version"));
                yield new Custom(text(what, map.get("version")), (cursor, deadline) -> {
                    throw undeclared(id);
                });
            }
        };
    }

    private static Backfill backfill(String what, Map<?, ?> map) {
        known(what, map, Set.of("set", "lookups", "where"));
        if (!(map.get("set") instanceof Map<?, ?> given) || given.isEmpty()) {
            throw bad(what + " sets nothing").hint("write set: {last_seen: newest}");
        }
        Map<String, String> set = new LinkedHashMap<>();
        given.forEach((column, expression) -> set.put(String.valueOf(column), text(what, expression)));
        Map<String, Lookup> lookups = new LinkedHashMap<>();
        if (map.get("lookups") instanceof Map<?, ?> named) {
            named.forEach((name, form) -> {
                if (!(form instanceof Map<?, ?> lookup)) {
                    throw bad(what + ": the lookup " + name + " must be a map (got " + form + ")");
                }
                lookups.put(String.valueOf(name), Lookup.fromMap(lookup));
            });
        }
        Object where = map.get("where");
        return new Backfill(set, lookups, where == null ? null : where.toString());
    }

    /** See {@link Migration#listOf}. */
    public static List<Migration> listOf(Object form) {
        Object list = form instanceof Map<?, ?> map ? map.get("migrations") : form;
        if (!(list instanceof List<?> entries)) {
            throw bad("migrations must be a list").hint("write migrations: [{id: …, table: …, addColumn: …}]");
        }
        List<Migration> migrations = new ArrayList<>();
        for (Object entry : entries) {
            if (!(entry instanceof Map<?, ?> map)) {
                throw bad("a migration must be a map (got " + entry + ")");
            }
            migrations.add(fromMap(map));
        }
        return migrations;
    }

    /** See {@link Migration#digest}. */
    public static String digest(Migration migration) {
        Map<String, Object> map = toMap(migration);
        map.remove("id");
        try {
            byte[] hash =
                    MessageDigest.getInstance("SHA-256").digest(Json.write(map).getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new LeveeException(ErrorCode.INTERNAL, "this Java has no SHA-256", e);
        }
    }

    private static void known(String what, Map<?, ?> map, Set<String> entries) {
        for (Object entry : map.keySet()) {
            if (!entries.contains(String.valueOf(entry))) {
                throw bad(what + " has the unknown entry '" + entry + "'").hint("known are " + entries);
            }
        }
    }

    private static String text(String what, @Nullable Object form) {
        if (form == null || form instanceof Map || form instanceof List) {
            throw bad(what + " must say text (got " + form + ")");
        }
        return form.toString();
    }

    private static LeveeException undeclared(String id) {
        return new LeveeException(
                        ErrorCode.NOT_SUPPORTED, "the program has not declared the function of the migration " + id)
                .with("migration", id);
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, what);
    }
}
