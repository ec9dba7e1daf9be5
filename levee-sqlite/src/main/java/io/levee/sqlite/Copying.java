package io.levee.sqlite;

import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;

/** The statement that copies a lent partition, for the writer to interrupt. Thread-safe. */
final class Copying {
    private @Nullable Statement running;
    private boolean unwanted;

    /** Somebody wants the partition back. */
    synchronized void interrupt() {
        unwanted = true;
        try {
            if (running != null) {
                running.cancel();
            }
        } catch (SQLException e) {
            // It ended meanwhile; the flag is looked at next.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "cancel", e);
        }
    }

    synchronized boolean unwanted() {
        return unwanted;
    }

    synchronized void running(@Nullable Statement statement) {
        running = statement;
    }
}
