package io.levee.internal.retention;

import io.levee.LeveeException;
import io.levee.RetentionEvent;
import io.levee.engine.StorageEngine;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Each decision of retention: logged at once, and kept by the engine when that can be written, which on a full volume is later. What had
 * to stay is told once for each reason, not with each pass. Thread-safe.
 */
final class RetentionEvents {
    private static final System.Logger LOG = System.getLogger("io.levee.retention");
    /** Most events that wait to be written, and most things whose reason is remembered. */
    private static final int MOST = 1_000;

    private final StorageEngine engine;
    /** The oldest first. */
    private final Deque<RetentionEvent> pending = new ArrayDeque<>();

    private final Map<String, String> told = new HashMap<>();

    RetentionEvents(StorageEngine engine) {
        this.engine = engine;
    }

    /** Notes a decision. Never waits. */
    synchronized void note(RetentionEvent event) {
        String what = event.partition().isEmpty() ? event.table() : event.partition();
        if (event.action() == RetentionEvent.Action.KEPT) {
            if (event.reason().equals(told.put(what, event.reason()))) {
                return;
            }
            if (told.size() > MOST) {
                told.clear();
            }
        } else {
            told.remove(what);
        }
        LOG.log(
                event.rule() == RetentionEvent.Rule.SPACE || event.action() == RetentionEvent.Action.KEPT
                        ? System.Logger.Level.WARNING
                        : System.Logger.Level.INFO,
                "{0}",
                event);
        pending.addLast(event);
        if (pending.size() > MOST) {
            pending.removeFirst();
        }
    }

    /** Hands what waits to the engine; what it cannot take waits on. */
    void flush() {
        List<RetentionEvent> all;
        synchronized (this) {
            all = List.copyOf(pending);
        }
        if (all.isEmpty()) {
            return;
        }
        try {
            engine.noteRetention(all);
        } catch (LeveeException e) {
            LOG.log(System.Logger.Level.DEBUG, "decisions of retention cannot be kept yet", e);
            return;
        }
        synchronized (this) {
            // Only what is still first: a full queue may have let the oldest go meanwhile.
            for (RetentionEvent event : all) {
                if (event.equals(pending.peekFirst())) {
                    pending.removeFirst();
                }
            }
        }
    }

    /** The newest first, those that wait included. */
    List<RetentionEvent> newest(@Nullable String table, int limit) {
        List<RetentionEvent> events = new ArrayList<>();
        synchronized (this) {
            for (Iterator<RetentionEvent> newest = pending.descendingIterator(); newest.hasNext(); ) {
                RetentionEvent event = newest.next();
                if (table == null || event.table().equals(table)) {
                    events.add(event);
                }
            }
        }
        if (events.size() < limit) {
            events.addAll(engine.retentionEvents(table, limit - events.size()));
        }
        return List.copyOf(events.subList(0, Math.min(limit, events.size())));
    }
}
