package io.levee.internal.time;

/** Measures lengths of time: never set back, unlike a wall clock. */
@FunctionalInterface
public interface MonotonicClock {
    /** The JVM's own. */
    MonotonicClock SYSTEM = System::nanoTime;

    /** Nanoseconds since some moment of this process. */
    long nanos();
}
