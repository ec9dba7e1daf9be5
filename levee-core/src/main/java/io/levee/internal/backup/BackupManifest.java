package io.levee.internal.backup;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.InFlight;
import io.levee.internal.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What a backup holds, as {@code backup.json} says it. Written last: a directory without one, or with an older one, is what it was
 * before the backup that was killed. Carries a checksum over itself.
 *
 * @param engine the engine that made it, and that can restore it: {@code sqlite}
 * @param version the release that made it
 * @param store the store's address, for people
 * @param incarnation tells stores apart: a directory holds backups of one store only
 * @param atMicros the moment that it is of, microseconds since the epoch
 * @param partitions the partitions
 * @param files everything else: catalog, ledger, cursors
 * @param missing live partitions that could not be copied, with the reason
 * @param dropped partitions of that moment that the store dropped while it was copied, with the reason
 * @param flight event times of what was accepted and not yet stored at that moment
 */
public record BackupManifest(
        String engine,
        String version,
        String store,
        String incarnation,
        long atMicros,
        List<Entry> partitions,
        List<Plain> files,
        Map<String, String> missing,
        Map<String, String> dropped,
        List<InFlight> flight) {
    /** The format of the directory. */
    static final int FORMAT = 1;

    /** Copies the collections. */
    public BackupManifest {
        partitions = List.copyOf(partitions);
        files = List.copyOf(files);
        missing = Map.copyOf(missing);
        dropped = Map.copyOf(dropped);
        flight = List.copyOf(flight);
    }

    /**
     * One file of a backup.
     *
     * @param path where it belongs below the store's root
     * @param file where it lies below the backup's
     * @param bytes its length
     * @param checksum {@code crc32c:} and eight hex digits over all of it
     */
    public record Plain(String path, String file, long bytes, String checksum) {}

    /**
     * One partition.
     *
     * @param id the partition
     * @param plain its file, which is a closed one whatever it was in the store
     * @param source the checksum that the store had for it when it was copied; null where it was open. While the store still has that
     *     one the copy is up to date
     * @param rows how many rows it holds
     * @param minMicros its earliest event time
     * @param maxMicros its latest
     * @param minSeq no row has a lower number
     * @param maxSeq no row has a higher one
     * @param kept why it is still here although the store does not have it any more; null for a live one
     */
    public record Entry(
            PartitionId id,
            Plain plain,
            @Nullable String source,
            long rows,
            long minMicros,
            long maxMicros,
            long minSeq,
            long maxSeq,
            @Nullable String kept) {
        /** The same, no longer in the store. */
        public Entry kept(String why) {
            return new Entry(id, plain, source, rows, minMicros, maxMicros, minSeq, maxSeq, why);
        }
    }

    /** All its files. */
    List<Plain> all() {
        List<Plain> all = new ArrayList<>(files);
        partitions.forEach(entry -> all.add(entry.plain));
        return all;
    }

    /** The partitions that a restored store has. */
    public List<Entry> live() {
        return partitions.stream().filter(entry -> entry.kept == null).toList();
    }

    /** What all its files take together. */
    public long bytes() {
        return all().stream().mapToLong(Plain::bytes).sum();
    }

    /** The file of a path. */
    public Plain file(String path) {
        return files.stream()
                .filter(plain -> plain.path.equals(path))
                .findFirst()
                .orElseThrow(() -> new LeveeException(ErrorCode.CORRUPT, "the backup has no " + path));
    }

    // Its text.

    String toJson() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("format", (long) FORMAT);
        map.put("engine", engine);
        map.put("version", version);
        map.put("store", store);
        map.put("incarnation", incarnation);
        map.put("at", atMicros);
        map.put("files", files.stream().map(BackupManifest::form).toList());
        map.put("partitions", partitions.stream().map(BackupManifest::form).toList());
        map.put("missing", missing);
        if (!dropped.isEmpty()) {
            map.put("dropped", dropped);
        }
        map.put(
                "flight",
                flight.stream()
                        .map(f -> List.of(f.table(), f.fromMicros(), f.toMicros()))
                        .toList());
        Map<String, @Nullable Object> whole = new LinkedHashMap<>();
        whole.put("checksum", checksum(Json.write(map)));
        whole.put("backup", map);
        return Json.write(whole) + "\n";
    }

    private static String checksum(String text) {
        CRC32C crc = new CRC32C();
        crc.update(text.getBytes(StandardCharsets.UTF_8));
        return text(crc);
    }

    /** A checksum in the form that catalog and manifest have. */
    static String text(CRC32C crc) {
        return String.format("crc32c:%08x", crc.getValue());
    }

    private static Map<String, @Nullable Object> form(Plain plain) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("path", plain.path);
        map.put("file", plain.file);
        map.put("bytes", plain.bytes);
        map.put("checksum", plain.checksum);
        return map;
    }

    private static Map<String, @Nullable Object> form(Entry entry) {
        Map<String, @Nullable Object> map = form(entry.plain);
        map.put("table", entry.id.table());
        map.put("class", entry.id.retentionClass());
        map.put("period", entry.id.period());
        map.put("n", (long) entry.id.n());
        map.put("source", entry.source);
        map.put("rows", entry.rows);
        map.put("from", entry.minMicros);
        map.put("to", entry.maxMicros);
        map.put("minSeq", entry.minSeq);
        map.put("maxSeq", entry.maxSeq);
        map.put("kept", entry.kept);
        return map;
    }

    /**
     * A manifest of its text.
     *
     * @throws IllegalArgumentException for anything else
     * @throws LeveeException {@code NOT_SUPPORTED} for one of a later release
     */
    static BackupManifest parse(String text) {
        Map<String, @Nullable Object> whole = Json.object(text);
        if (!(whole.get("backup") instanceof Map<?, ?> map)
                || !checksum(Json.write(map)).equals(whole.get("checksum"))) {
            throw new IllegalArgumentException("its checksum is another one");
        }
        if (number(map, "format") != FORMAT) {
            throw new LeveeException(
                            ErrorCode.NOT_SUPPORTED,
                            "the backup has format " + map.get("format") + "; this release reads " + FORMAT)
                    .hint("use the release that made it");
        }
        List<Entry> partitions =
                list(map, "partitions").stream().map(BackupManifest::entry).toList();
        List<Plain> files =
                list(map, "files").stream().map(BackupManifest::plain).toList();
        return new BackupManifest(
                text(map, "engine"),
                text(map, "version"),
                text(map, "store"),
                text(map, "incarnation"),
                number(map, "at"),
                partitions,
                files,
                reasons(map.get("missing")),
                reasons(map.get("dropped")),
                flight(map.get("flight")));
    }

    /** By partition; empty where a release did not tell. */
    private static Map<String, String> reasons(@Nullable Object said) {
        Map<String, String> reasons = new LinkedHashMap<>();
        if (said instanceof Map<?, ?> all) {
            all.forEach((id, why) -> reasons.put(String.valueOf(id), String.valueOf(why)));
        }
        return reasons;
    }

    private static List<InFlight> flight(@Nullable Object said) {
        List<InFlight> flight = new ArrayList<>();
        if (said instanceof List<?> all) {
            for (Object one : all) {
                if (one instanceof List<?> window
                        && window.size() == 3
                        && window.get(1) instanceof Number from
                        && window.get(2) instanceof Number to) {
                    flight.add(new InFlight(String.valueOf(window.get(0)), from.longValue(), to.longValue()));
                }
            }
        }
        return flight;
    }

    private static Entry entry(Map<?, ?> map) {
        return new Entry(
                new PartitionId(
                        text(map, "table"), text(map, "class"), text(map, "period"), Math.toIntExact(number(map, "n"))),
                plain(map),
                map.get("source") instanceof String source ? source : null,
                number(map, "rows"),
                number(map, "from"),
                number(map, "to"),
                number(map, "minSeq"),
                number(map, "maxSeq"),
                map.get("kept") instanceof String kept ? kept : null);
    }

    private static Plain plain(Map<?, ?> map) {
        return new Plain(text(map, "path"), text(map, "file"), number(map, "bytes"), text(map, "checksum"));
    }

    private static List<Map<?, ?>> list(Map<?, ?> map, String name) {
        List<Map<?, ?>> found = new ArrayList<>();
        if (map.get(name) instanceof List<?> all) {
            for (Object one : all) {
                if (one instanceof Map<?, ?> entry) {
                    found.add(entry);
                }
            }
        }
        return found;
    }

    private static String text(Map<?, ?> map, String name) {
        if (map.get(name) instanceof String text) {
            return text;
        }
        throw new IllegalArgumentException("it has no " + name);
    }

    private static long number(Map<?, ?> map, String name) {
        if (map.get(name) instanceof Number number) {
            return number.longValue();
        }
        throw new IllegalArgumentException("it has no " + name);
    }
}
