package io.levee.internal.retention;

import io.levee.LeveeException;
import io.levee.RetentionEvent;
import io.levee.engine.StorageEngine;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
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

    /** Held while events pass from here to the engine: nobody sees or hands over twice what is on its way. */
    private final Object handingOver = new Object();

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
        synchronized (handingOver) {
            List<RetentionEvent> all = waiting();
            if (all.isEmpty()) {
                return;
            }
            try {
                engine.noteRetention(all);
            } catch (LeveeException e) {
                LOG.log(System.Logger.Level.DEBUG, "decisions of retention cannot be kept yet", e);
                return;
            }
            handedOver(all);
        }
    }

    private synchronized List<RetentionEvent> waiting() {
        return List.copyOf(pending);
    }

    /** Only what is still first: a full queue may have let the oldest go meanwhile. */
    private synchronized void handedOver(List<RetentionEvent> all) {
        for (RetentionEvent event : all) {
            if (event.equals(pending.peekFirst())) {
                pending.removeFirst();
            }
        }
    }

    /** The newest first, those that wait included. */
    List<RetentionEvent> newest(@Nullable String table, int limit) {
        List<RetentionEvent> events = new ArrayList<>();
        synchronized (handingOver) {
            for (RetentionEvent event : waiting()) {
                if (table == null || event.table().equals(table)) {
                    events.add(0, event);
                }
            }
            if (events.size() < limit) {
                events.addAll(engine.retentionEvents(table, limit - events.size()));
            }
        }
        return List.copyOf(events.subList(0, Math.min(limit, events.size())));
    }
}
