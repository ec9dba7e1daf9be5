package io.levee.engine;

import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A migration as the store keeps it. How far it is within a partition is kept by the engine in that partition.
 *
 * @param number its place in the order of declaration, from 1; never used twice
 * @param migration what it does. Of a Java function that the program has not declared since the opening, one that fails
 * @param digest {@link Migration#digest} as declared
 * @param state where it is
 * @param error why it failed, or null
 * @param rowsDone rows dealt with; of a custom step its slices
 * @param rowsPartial those among them in partitions that it is not done with
 * @param rowsTotal rows to be dealt with, as counted when it began; -1 before
 * @param partitionsDone partitions that it is done with
 * @param partitionsTotal partitions that it has to reach; -1 before it began
 * @param cursor of a custom step; null at its beginning
 * @param applied whether the table's spec is already as the step makes it; else that comes at its turn, behind others that are not done
 * @param paused whether somebody paused it
 * @param approved whether a person approved it
 * @param gapsAccepted whether a person said that its lookups are to be answered by the rows that can be read
 * @param note what it waited for, or what happened
 * @param declaredMicros when it was declared
 * @param startedMicros when it began; 0 before
 * @param updatedMicros when this was written
 * @param workMicros for how long it has run, in all lives of the store
 */
public record MigrationRecord(
        long number,
        Migration migration,
        String digest,
        State state,
        @Nullable String error,
        long rowsDone,
        long rowsPartial,
        long rowsTotal,
        int partitionsDone,
        int partitionsTotal,
        @Nullable String cursor,
        boolean applied,
        boolean paused,
        boolean approved,
        boolean gapsAccepted,
        String note,
        long declaredMicros,
        long startedMicros,
        long updatedMicros,
        long workMicros) {
    /** One that was never declared, for plans and checks. */
    public static MigrationRecord planned(Migration migration) {
        return new MigrationRecord(
                0,
                migration,
                migration.digest(),
                State.PENDING,
                null,
                0,
                0,
                -1,
                0,
                -1,
                null,
                false,
                false,
                false,
                false,
                "",
                0,
                0,
                0,
                0);
    }

    /** Its name. */
    public String id() {
        return migration.id();
    }

    /** Its table. */
    public String table() {
        return migration.table();
    }

    /** What it does. */
    public MigrationStep step() {
        return migration.step();
    }

    /** The form that engines keep: only maps, text, whole numbers and booleans. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("number", number);
        map.put("migration", migration.toMap());
        map.put("digest", digest);
        map.put("state", state.name());
        if (error != null) {
            map.put("error", error);
        }
        map.put("rowsDone", rowsDone);
        map.put("rowsPartial", rowsPartial);
        map.put("rowsTotal", rowsTotal);
        map.put("partitionsDone", (long) partitionsDone);
        map.put("partitionsTotal", (long) partitionsTotal);
        if (cursor != null) {
            map.put("cursor", cursor);
        }
        map.put("applied", applied);
        map.put("paused", paused);
        map.put("approved", approved);
        if (gapsAccepted) {
            map.put("gapsAccepted", true);
        }
        map.put("note", note);
        map.put("declared", declaredMicros);
        map.put("started", startedMicros);
        map.put("updated", updatedMicros);
        map.put("work", workMicros);
        return map;
    }

    /** Reads {@link #toMap}. */
    public static MigrationRecord fromMap(Map<String, ?> map) {
        if (!(map.get("migration") instanceof Map<?, ?> form)) {
            throw new io.levee.LeveeException(io.levee.ErrorCode.CORRUPT, "a kept migration has no step: " + map);
        }
        return new MigrationRecord(
                number(map, "number"),
                Migration.fromMap(form),
                String.valueOf(map.get("digest")),
                State.valueOf(String.valueOf(map.get("state"))),
                text(map, "error"),
                number(map, "rowsDone"),
                number(map, "rowsPartial"),
                number(map, "rowsTotal"),
                (int) number(map, "partitionsDone"),
                (int) number(map, "partitionsTotal"),
                text(map, "cursor"),
                Boolean.TRUE.equals(map.get("applied")),
                Boolean.TRUE.equals(map.get("paused")),
                Boolean.TRUE.equals(map.get("approved")),
                Boolean.TRUE.equals(map.get("gapsAccepted")),
                String.valueOf(map.get("note")),
                number(map, "declared"),
                number(map, "started"),
                number(map, "updated"),
                number(map, "work"));
    }

    private static long number(Map<String, ?> map, String entry) {
        return map.get(entry) instanceof Number number ? number.longValue() : 0;
    }

    private static @Nullable String text(Map<String, ?> map, String entry) {
        Object value = map.get(entry);
        return value == null ? null : value.toString();
    }
}
