package io.levee;

import java.util.List;

/**
 * Whether a store does what it promises.
 *
 * @param state the worst of all parts
 * @param reasons what is wrong, each in one sentence; empty when {@link State#UP}
 */
public record Health(State state, List<String> reasons) {
    /** How well a store does. */
    public enum State {
        /** All promises are kept. */
        UP,
        /** Records are taken, and something needs a look. */
        DEGRADED,
        /** Records are not taken. */
        DOWN
    }

    /** Copies the list. */
    public Health {
        reasons = List.copyOf(reasons);
    }
}
