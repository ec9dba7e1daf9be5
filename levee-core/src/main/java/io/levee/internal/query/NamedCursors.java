package io.levee.internal.query;

import io.levee.CursorInfo;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TailCursor;
import io.levee.engine.KeptCursor;
import io.levee.engine.SourcePoint;
import io.levee.engine.StorageEngine;
import io.levee.internal.json.Json;
import io.levee.internal.time.Micros;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The places of readers who come again: checks them, and has the engine keep them. Thread-safe. */
public final class NamedCursors {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    private final StorageEngine engine;
    private final Clock clock;

    /** Wires the parts. */
    public NamedCursors(StorageEngine engine, Clock clock) {
        this.engine = engine;
        this.clock = clock;
    }

    /**
     * A reader's place.
     *
     * @param number up to which it is done
     * @param toldMissed up to which it knows what was dropped unread
     * @param incarnation of the catalog that it was last noted under
     * @param createdMicros when it was made
     * @param changedMicros when it was last noted
     */
    public record Place(
            String table,
            String name,
            long number,
            long toldMissed,
            String incarnation,
            long createdMicros,
            long changedMicros) {
        static Place of(KeptCursor kept) {
            Map<String, @Nullable Object> state;
            try {
                state = Json.object(kept.point().state());
            } catch (IllegalArgumentException e) {
                // Damaged: its number is all that is known, and it is told that it may have missed something.
                state = Map.of();
            }
            return new Place(
                    kept.table(),
                    kept.name(),
                    kept.point().position(),
                    number(state.get("told")),
                    String.valueOf(state.getOrDefault("store", "?")),
                    number(state.get("created")),
                    number(state.get("changed")));
        }

        SourcePoint point() {
            Map<String, @Nullable Object> state = new LinkedHashMap<>();
            state.put("told", toldMissed);
            state.put("store", incarnation);
            state.put("created", createdMicros);
            state.put("changed", changedMicros);
            return new SourcePoint(number, Json.write(state));
        }

        CursorInfo info() {
            return new CursorInfo(table, name, number, Micros.instant(createdMicros), Micros.instant(changedMicros));
        }

        private static long number(@Nullable Object value) {
            return value instanceof Number number ? number.longValue() : 0;
        }
    }

    /** All cursors of a table, or of all tables, by table and name. */
    public List<CursorInfo> list(@Nullable String table) {
        return engine.cursors(table).stream()
                .map(kept -> Place.of(kept).info())
                .sorted(java.util.Comparator.comparing(CursorInfo::table).thenComparing(CursorInfo::name))
                .toList();
    }

    /** One cursor, or null. */
    public @Nullable CursorInfo find(String table, String name) {
        Place place = place(table, name);
        return place == null ? null : place.info();
    }

    private @Nullable Place place(String table, String name) {
        for (KeptCursor kept : engine.cursors(table)) {
            if (kept.name().equals(name)) {
                return Place.of(kept);
            }
        }
        return null;
    }

    /**
     * The place of a cursor; one that is not there yet is made, durably.
     *
     * @param begin where a new one begins
     * @throws LeveeException {@code BAD_VALUE} for what is no name, {@code LIMIT_EXCEEDED} past {@link TailCursor#MAX_CURSORS}
     */
    public synchronized Place open(String table, String name, java.util.function.LongSupplier begin) {
        Place known = place(table, name);
        if (known != null) {
            return known;
        }
        if (!NAME.matcher(name).matches()) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "'" + name + "' is no name of a cursor")
                    .hint("use letters, digits, dots, underscores and hyphens, at most 64, a letter or digit first");
        }
        List<KeptCursor> others = engine.cursors(table);
        if (others.size() >= TailCursor.MAX_CURSORS) {
            throw new LeveeException(
                            ErrorCode.LIMIT_EXCEEDED,
                            "the table " + table + " has " + others.size() + " cursors already")
                    .hint("delete those that nobody reads any more: levee cursors " + table);
        }
        for (KeptCursor other : others) {
            if (other.name().equalsIgnoreCase(name)) {
                throw new LeveeException(
                        ErrorCode.BAD_VALUE,
                        "the cursor '" + other.name() + "' differs from '" + name + "' only in case");
            }
        }
        long now = Micros.of(clock.instant());
        Place made = new Place(table, name, begin.getAsLong(), 0, engine.incarnation(), now, now);
        engine.putCursor(table, name, made.point());
        return made;
    }

    /** Whether the catalog was lost since the place was noted. */
    public boolean rebuiltSince(Place place) {
        return !place.incarnation().equals(engine.incarnation());
    }

    /**
     * Notes durably that a reader is done up to a number; a lower one than before changes nothing.
     *
     * @param toldMissed up to which it was told what was dropped unread
     * @param told whether it was told too that the catalog was rebuilt, if it was
     */
    public synchronized CursorInfo commit(String table, String name, long number, long toldMissed, boolean told) {
        Place before = place(table, name);
        if (before == null) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "the table " + table + " has no cursor '" + name + "'")
                    .hint("it was deleted meanwhile, or never made; open it again");
        }
        Place after = new Place(
                table,
                name,
                Math.max(before.number(), number),
                Math.max(before.toldMissed(), toldMissed),
                told ? engine.incarnation() : before.incarnation(),
                before.createdMicros(),
                before.changedMicros());
        if (after.equals(before)) {
            return before.info();
        }
        Place noted = new Place(
                table,
                name,
                after.number(),
                after.toldMissed(),
                after.incarnation(),
                after.createdMicros(),
                Micros.of(clock.instant()));
        engine.putCursor(table, name, noted.point());
        return noted.info();
    }

    /** Forgets a cursor. Returns whether there was one. */
    public synchronized boolean delete(String table, String name) {
        if (place(table, name) == null) {
            return false;
        }
        engine.putCursor(table, name, null);
        return true;
    }
}
