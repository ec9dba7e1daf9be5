package io.levee;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How far the splitting of an adopted database is: its rows move into the store's own partitions in the background, from the highest row
 * number to the lowest. See {@link Store#split}.
 *
 * @param partition the adopted database
 * @param state whether it goes on
 * @param rowsDone rows of the database that were dealt with: those moved and all that are counted below
 * @param rowsTotal about how many there are
 * @param rowsMoved rows that are in the store's own partitions now
 * @param superseded rows whose key the table has already, from a later row: not moved
 * @param expired rows older than what the table takes: not moved, and a gap {@link LossReason#EXPIRED} tells
 * @param keyless rows without a key in a table with one: not moved, and a gap {@link LossReason#WRITE_FAILED} tells
 * @param timeless rows among those moved that have no readable time, and so count as of 1970
 * @param unreadable values of another kind than their column: they read as null before, and are null now
 * @param note what it waits for, or why it ended, in words; empty where nothing is to be said
 */
public record SplitStatus(
        PartitionId partition,
        State state,
        long rowsDone,
        long rowsTotal,
        long rowsMoved,
        long superseded,
        long expired,
        long keyless,
        long timeless,
        long unreadable,
        String note) {
    /** Whether a splitting goes on. */
    public enum State {
        /** It goes on in the background, or waits for what the note says. */
        RUNNING,
        /** Somebody stopped it; it can be taken up again. */
        STOPPED,
        /** All rows were moved, but the database is no longer what was moved: the note says why it is kept. */
        BLOCKED,
        /** All rows were moved and verified, and the database was let go. */
        DONE
    }

    /** The status for JSON: all components by their names. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("partition", partition.toString());
        map.put("state", state.name());
        map.put("rowsDone", rowsDone);
        map.put("rowsTotal", rowsTotal);
        map.put("rowsMoved", rowsMoved);
        map.put("superseded", superseded);
        map.put("expired", expired);
        map.put("keyless", keyless);
        map.put("timeless", timeless);
        map.put("unreadable", unreadable);
        map.put("note", note);
        return map;
    }
}
