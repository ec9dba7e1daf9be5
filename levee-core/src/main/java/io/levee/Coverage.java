package io.levee;

import java.util.List;

/**
 * What a result can be trusted for.
 *
 * @param gaps the gaps that touch the result's range; empty means complete
 */
public record Coverage(List<Gap> gaps) {
    /** Nothing is known to be missing. */
    public static final Coverage COMPLETE = new Coverage(List.of());

    /** Copies the list. */
    public Coverage {
        gaps = List.copyOf(gaps);
    }

    /** Whether nothing is known to be missing. */
    public boolean complete() {
        return gaps.isEmpty();
    }
}
