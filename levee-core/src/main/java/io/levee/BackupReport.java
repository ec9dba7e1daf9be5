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
 * @param dropped partitions that the store dropped while they were copied, each with the reason: their space was needed, so they are not in
 *     the backup, which is whole without them. A store restored from it has a gap {@link LossReason#EXPIRED} for each
 */
public record BackupReport(
        Path directory,
        Instant at,
        int partitions,
        int copied,
        long rows,
        long bytes,
        long bytesCopied,
        Map<String, String> missing,
        Map<String, String> dropped) {
    /** Copies the maps. */
    public BackupReport {
        missing = Map.copyOf(missing);
        dropped = Map.copyOf(dropped);
    }

    /** For JSON: {@code directory, at, partitions, copied, unchanged, rows, bytes, bytesCopied, missing, dropped}. */
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
        map.put("dropped", dropped);
        return map;
    }
}
