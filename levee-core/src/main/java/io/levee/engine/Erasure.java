package io.levee.engine;

import java.time.Instant;
import java.util.List;

/**
 * That rows were erased, without what was in them: the filter often holds the very name that had to go, so its digest is kept.
 *
 * @param table the table
 * @param at when it ended
 * @param filterSha256 the SHA-256 of the filter's text, in hex
 * @param rows how many rows went
 * @param pending what it could not reach
 */
public record Erasure(String table, Instant at, String filterSha256, long rows, List<String> pending) {
    /** Copies the list. */
    public Erasure {
        pending = List.copyOf(pending);
    }
}
