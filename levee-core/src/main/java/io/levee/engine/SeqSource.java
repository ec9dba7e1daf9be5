package io.levee.engine;

/** Numbers of one table, rising and never given twice. Writer thread. */
@FunctionalInterface
public interface SeqSource {
    /** The next number. */
    long next();
}
