package io.levee.ingest;

import io.levee.LeveeException;
import java.nio.file.Path;

/** Hears of a followed file, on the thread that follows it. Every method has a default that does nothing. */
public interface FollowListener {
    /** Hears nothing. */
    FollowListener NONE = new FollowListener() {};

    /**
     * A file is read from here on. For the first of a table's source it is told once the store knows it durably: whatever is written to
     * the file from now on is taken, also when this process is killed and the file rotated before it is started again.
     *
     * @param file its present name
     * @param offset the byte at which reading goes on
     * @param why what happened, for people
     */
    default void reading(Path file, long offset, String why) {}

    /**
     * A bad record was left out.
     *
     * @param file the name under which the file was opened
     * @param offset the byte at which the record begins
     * @param error why
     */
    default void rejected(Path file, long offset, LeveeException error) {}

    /** Records that were accepted are lost. */
    default void lost(long count) {}

    /**
     * Something was written that could not be read any more.
     *
     * @param file where it was
     * @param what what is missing and why
     */
    default void gap(Path file, String what) {}

    /** Something is in the way; following goes on when it is gone. Told once for each cause. */
    default void trouble(String what) {}

    /**
     * Told several times a second.
     *
     * @param report what became of everything so far
     * @param behindBytes bytes of the present file that were not read yet
     */
    default void progress(FollowReport report, long behindBytes) {}
}
