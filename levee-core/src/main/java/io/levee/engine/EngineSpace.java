package io.levee.engine;

import io.levee.StoreStatus;
import java.util.Map;

/** What an engine takes of disk and memory, and how it is freed when they are short: that part of {@link StorageEngine}. Threads as there. */
public interface EngineSpace {
    /** Whether the last write met a full volume. Any thread; from memory. */
    default boolean full() {
        return false;
    }

    /** Keeps the reserve for full volumes, and says durably what could not be said while one was full. Space thread, each second. */
    default void keepReserve() {}

    /** Bytes on disk by part, and free bytes of the volume. Any thread; reads the file system. */
    StoreStatus.Disk disk();

    /** Bytes of memory by part, as budgeted. Any thread. */
    Map<String, Long> memory();

    /** Has somebody look at the space at once when the store comes near its cap. The call must be short; any thread, before the first row. */
    default void onTight(Runnable look) {}

    /** Whether rows were refused just now since they had no room below the store's cap. Any thread; from memory. */
    default boolean tight() {
        return false;
    }

    /** What sorts may keep in temporary files besides what the store takes now; without a cap as much as they like. Memory thread. */
    default long temporaryRoom() {
        return Long.MAX_VALUE;
    }

    /** What sorts of running queries keep in temporary files on this machine. Memory thread, five times a second. */
    default long temporaryBytes() {
        return 0;
    }

    /** A heavy query has ended: caches of what is idle are given back. Memory thread. */
    default void shrink() {}
}
