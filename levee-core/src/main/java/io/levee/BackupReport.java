package io.levee;

import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a backup did.
 *
 * @param directory where it is
 * @param at the moment of the store that it holds: everything committed by then, and nothing after
 * @param partitions how many partitions it has
 * @param copied how many of them were copied now; the others had not changed since the backup before
 * @param rows how many rows it has
 * @param bytes what its files take
 * @param bytesCopied what was written now
 * @param missing partitions that could not be copied, each with the reason: their files are damaged or gone
 */
public record BackupReport(
        Path directory,
        Instant at,
        int partitions,
        int copied,
        long rows,
        long bytes,
        long bytesCopied,
        Map<String, String> missing) {
    /** Copies the map. */
    public BackupReport {
        missing = Map.copyOf(missing);
    }

    /** For JSON: {@code directory, at, partitions, copied, unchanged, rows, bytes, bytesCopied, missing}. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("directory", directory.toString());
        map.put("at", at.toString());
        map.put("partitions", partitions);
        map.put("copied", copied);
        map.put("unchanged", partitions - copied);
        map.put("rows", rows);
        map.put("bytes", bytes);
        map.put("bytesCopied", bytesCopied);
        map.put("missing", missing);
        return map;
    }
}
