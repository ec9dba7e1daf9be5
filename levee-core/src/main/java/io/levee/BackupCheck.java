package io.levee;

import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What reading a backup showed.
 *
 * @param directory where it is
 * @param at the moment of the store that it holds
 * @param partitions how many partitions it has
 * @param files how many files were read
 * @param bytes how much that was
 * @param damaged the files that are not what was written, each with what is wrong; empty for a backup that can be restored
 * @param missing the partitions that could not be copied when it was made, with the reason
 */
public record BackupCheck(
        Path directory,
        Instant at,
        int partitions,
        int files,
        long bytes,
        Map<String, String> damaged,
        Map<String, String> missing) {
    /** Copies the maps. */
    public BackupCheck {
        damaged = Map.copyOf(damaged);
        missing = Map.copyOf(missing);
    }

    /** For JSON: {@code directory, at, partitions, files, bytes, damaged, missing}. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("directory", directory.toString());
        map.put("at", at.toString());
        map.put("partitions", partitions);
        map.put("files", files);
        map.put("bytes", bytes);
        map.put("damaged", damaged);
        map.put("missing", missing);
        return map;
    }
}
