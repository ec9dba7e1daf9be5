package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Everything beside live rows that records may still be read from: what an erasure has to reach. Any thread but the writer. */
final class Traces {
    private final Manifest manifest;
    private final Trash trash;
    private final Erasures erasures;
    private final Quarantine quarantine;
    private final Homes homes;

    Traces(Manifest manifest, Trash trash, Erasures erasures, Quarantine quarantine, Homes homes) {
        this.manifest = manifest;
        this.trash = trash;
        this.erasures = erasures;
        this.quarantine = quarantine;
        this.homes = homes;
    }

    /**
     * Frees what drops and merges of one table left, and rewrites the partitions that rows were erased or went away from.
     *
     * @throws LeveeException with all that could not be reached now
     */
    void reach(String table) {
        List<LeveeException> left = new ArrayList<>();
        attempt(left, () -> trash.purge(table));
        attempt(left, () -> {
            if (homes.moves(table)) {
                erasures.reachMoved(manifest.own(table));
            }
            erasures.finish(table);
        });
        attempt(left, () -> requireNothingSetAside(table));
        LeveeException all = all(left);
        if (all != null) {
            throw all;
        }
    }

    private static void attempt(List<LeveeException> left, Runnable step) {
        try {
            step.run();
        } catch (LeveeException e) {
            // What else there is to reach is reached all the same.
            left.add(e);
        }
    }

    private static @Nullable LeveeException all(List<LeveeException> left) {
        if (left.size() <= 1) {
            return left.isEmpty() ? null : left.get(0);
        }
        List<String> texts = left.stream().map(LeveeException::what).toList();
        LeveeException all = new LeveeException(left.get(0).code(), String.join("; ", texts), left.get(0));
        left.forEach(e -> all.addSuppressed(e));
        return all.hint("erase again when that has ended");
    }

    private void requireNothingSetAside(String table) {
        List<String> kept = quarantine.left(table);
        if (!kept.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.CORRUPT,
                            "damaged files that were set aside may hold such records, and cannot be searched: " + kept)
                    .hint("salvage what is wanted with sqlite3 FILE .recover, delete the files, and erase again");
        }
    }
}
