package io.levee.sqlite;

import io.levee.sqlite.ReadHandles.ReadHandle;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Handles that nobody uses, found by their files, and by how long nobody has. Guarded by {@link ReadHandles}. */
final class IdleHandles {
    private final Set<ReadHandle> oldestFirst = new LinkedHashSet<>();
    private final Map<Path, Deque<ReadHandle>> byFile = new HashMap<>();

    int size() {
        return oldestFirst.size();
    }

    void add(ReadHandle handle) {
        oldestFirst.add(handle);
        byFile.computeIfAbsent(handle.file(), f -> new ArrayDeque<>()).addFirst(handle);
    }

    /** Takes one of a file out, the last that was used; null where there is none. */
    @Nullable
    ReadHandle take(Path file) {
        Deque<ReadHandle> handles = byFile.get(file);
        if (handles == null) {
            return null;
        }
        ReadHandle handle = handles.getFirst();
        remove(handle);
        return handle;
    }

    void remove(ReadHandle handle) {
        oldestFirst.remove(handle);
        Deque<ReadHandle> handles = byFile.get(handle.file());
        if (handles != null) {
            handles.remove(handle);
            if (handles.isEmpty()) {
                byFile.remove(handle.file());
            }
        }
    }

    /** The one that was not used for longest; there is one. */
    ReadHandle oldest() {
        return oldestFirst.iterator().next();
    }

    /** Takes that one out. */
    ReadHandle removeOldest() {
        ReadHandle handle = oldest();
        remove(handle);
        return handle;
    }

    /** All of them. */
    List<ReadHandle> all() {
        return new ArrayList<>(oldestFirst);
    }
}
