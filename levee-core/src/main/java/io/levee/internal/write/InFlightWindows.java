package io.levee.internal.write;

import io.levee.engine.InFlight;
import java.util.ArrayList;
import java.util.List;

/**
 * Which event times may be in flight, by table, for the ledger: two generations a table. The younger takes what is accepted; once all
 * of the older is settled it is forgotten, and the younger becomes the older. So a window holds at least what is not settled and at
 * most what two looks took in, and costs a few comparisons a record. A record of a time that the ledger does not cover yet (history
 * that is imported) asks for a look at once, so that an unclean stop finds it covered. Guarded by the queue's lock.
 */
final class InFlightWindows {
    private final List<Window> windows = new ArrayList<>();
    /** Tickets up to this one are of the older generation. */
    private long olderUpTo;
    /** When the ledger was last told: an unclean stop's range begins there, or earlier. */
    private long toldAt = Long.MAX_VALUE;

    private boolean asked;
    private Runnable ask = () -> {};

    /** One table's generations. */
    static final class Window {
        private final String table;
        private long from = Long.MAX_VALUE;
        private long to = Long.MIN_VALUE;
        private long olderFrom = Long.MAX_VALUE;
        private long olderTo = Long.MIN_VALUE;
        private long toldFrom = Long.MAX_VALUE;
        private boolean listed;

        Window(String table) {
            this.table = table;
        }

        private void age() {
            olderFrom = from;
            olderTo = to;
            from = Long.MAX_VALUE;
            to = Long.MIN_VALUE;
        }
    }

    /** Notes that a record was accepted, be it only to be shed at once. */
    void accepted(Window window, long timeMicros) {
        if (!window.listed) {
            window.listed = true;
            windows.add(window);
        }
        window.from = Math.min(window.from, timeMicros);
        window.to = Math.max(window.to, timeMicros);
        if (timeMicros < toldAt && timeMicros < window.toldFrom && !asked) {
            asked = true;
            ask.run();
        }
    }

    /** Who is asked for a look; must be quick. */
    void onUncovered(Runnable action) {
        ask = action;
    }

    /** The ticket that has to be settled, with all before it, so that the older generation can be forgotten. */
    long olderUpTo() {
        return olderUpTo;
    }

    /** All of the older generation is settled. */
    void age(long lastTicket) {
        olderUpTo = lastTicket;
        windows.forEach(Window::age);
    }

    /**
     * What may be in flight now, without tables that have nothing. It is taken for told: where telling fails, the ledger looks again
     * by itself.
     *
     * @param nowMicros the wall clock
     */
    List<InFlight> tell(long nowMicros) {
        toldAt = nowMicros;
        asked = false;
        List<InFlight> all = new ArrayList<>();
        for (Window window : windows) {
            long from = Math.min(window.from, window.olderFrom);
            window.toldFrom = from;
            if (from != Long.MAX_VALUE) {
                all.add(new InFlight(window.table, from, Math.max(window.to, window.olderTo)));
            }
        }
        return all;
    }
}
