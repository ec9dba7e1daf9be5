package io.levee;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How far a migration is; see {@link Store#migrations}.
 *
 * @param id its name
 * @param table its table
 * @param kind what it does, such as {@code addColumn}
 * @param state where it is in its life
 * @param rowsDone rows of the migrated table that were dealt with, those among them that were right already included
 * @param rowsTotal rows to be dealt with, as counted when it began; -1 where that is not known yet
 * @param partitionsDone partitions that it is done with
 * @param partitionsTotal partitions that it has to reach
 * @param rate rows per second over the last seconds; 0 before the first progress, at a stall and while it does not run; of a migration
 *     that is done its mean
 * @param etaSeconds seconds until it is done at that rate; 0 when it is done; null where that cannot be said: before the first progress,
 *     at a stall, while it does not run
 * @param error why it failed; null unless it did
 * @param trouble what keeps it from going on, while it waits for that to pass and then goes on by itself, such as a full disk; the note
 *     has the words. Null where it waits for nothing, or for what is in order, such as another migration, approval or a partition in use
 * @param note what it waits for, or what happened, in words; empty where nothing is to be said
 * @param updated when any of this last changed
 */
public record MigrationStatus(
        String id,
        String table,
        String kind,
        State state,
        long rowsDone,
        long rowsTotal,
        int partitionsDone,
        int partitionsTotal,
        double rate,
        @Nullable Double etaSeconds,
        @Nullable String error,
        @Nullable ErrorCode trouble,
        String note,
        Instant updated) {
    /** Where a migration is in its life. */
    public enum State {
        /** It was declared, and has not begun: it waits for others, or for what the note says. */
        PENDING,
        /** It goes on. */
        RUNNING,
        /** Somebody paused it. */
        PAUSED,
        /** The store was closed before it was done; the next opening goes on with it. */
        INTERRUPTED,
        /** It failed: {@link MigrationStatus#error} says why. It stays so until somebody resumes it. */
        FAILED,
        /** It is done. */
        DONE;

        /** Its name in JSON, in lower case. */
        public String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** The same with another note. */
    public MigrationStatus noted(String newNote) {
        return new MigrationStatus(
                id,
                table,
                kind,
                state,
                rowsDone,
                rowsTotal,
                partitionsDone,
                partitionsTotal,
                rate,
                etaSeconds,
                error,
                trouble,
                newNote,
                updated);
    }

    /** Whether it is neither done nor failed. */
    public boolean open() {
        return state != State.DONE && state != State.FAILED;
    }

    /** The status for JSON: {@code id, status, rowsDone, rowsTotal, rate, etaSeconds, error}, then the other components. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("id", id);
        map.put("status", state.text());
        map.put("rowsDone", rowsDone);
        map.put("rowsTotal", rowsTotal);
        map.put("rate", rate);
        map.put("etaSeconds", etaSeconds);
        map.put("error", error);
        map.put("table", table);
        map.put("kind", kind);
        map.put("partitionsDone", partitionsDone);
        map.put("partitionsTotal", partitionsTotal);
        map.put("trouble", trouble == null ? null : trouble.name());
        map.put("note", note);
        map.put("updated", updated.toString());
        return map;
    }
}
