package io.levee.sqlite;

import io.levee.Ack;
import io.levee.Levee;
import io.levee.PartitionId;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TailCursor;
import io.levee.internal.json.Json;
import io.levee.testkit.Samples;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * Makes the store of a release that later releases are tested with ({@link ReleaseStoresTest}): small, of records that may be shipped, with a bit of everything that lies in
 * a store. To be run once a release, by its own code: {@code java … io.levee.sqlite.ReleaseFixture stores/release-VERSION.zip NAME}.
 *
 * <p>It is copied while it is open, as a crash would leave it, and holds beside the store a file {@value #ANSWERS} with what the release itself answered.
 */
public final class ReleaseFixture {
    static final String ANSWERS = "answers.json";

    /** Just behind the newest records, so that nothing more is due whenever the store is opened. */
    static final Instant AS_OF = Instant.parse("2020-10-08T00:00:00Z");

    private static final Instant BEGIN = Instant.parse("2020-04-09T00:00:00Z");

    private static final int LINES = 280;
    private static final int LATE = 10;
    private static final long CURSOR = 25;

    /** Upserts by a key whose class changes: rows move between partitions. */
    private static final Map<String, Object> FILES = spec(
            "files",
            "key",
            "path",
            "time",
            "committer_date",
            "partition",
            "month",
            "columns",
            columns(
                    "path",
                    "text",
                    "status",
                    "text",
                    "committer_date",
                    "timestamp",
                    "seq",
                    "integer",
                    "parents",
                    "json",
                    "subject",
                    Map.of("type", "text", "detail", true),
                    "new_blob",
                    Map.of("type", "text", "detail", true)),
            "indexes",
            List.of(List.of("status", "committer_date")),
            "retention",
            Map.of("by", "status", "D", "20y", "R", "15y", "default", "10y"),
            "unknown",
            "ignore");

    /** Appended, with rollups of what is dropped, and a drop. */
    private static final Map<String, Object> OPS = spec(
            "ops",
            "time",
            "committer_date",
            "partition",
            "month",
            "columns",
            columns(
                    "commit",
                    "text",
                    "committer_date",
                    "timestamp",
                    "seq",
                    "integer",
                    "status",
                    "text",
                    "path",
                    "text",
                    "similarity",
                    "real"),
            "indexes",
            List.of(List.of("commit"), List.of("path", "committer_date")),
            "rollups",
            List.of(Map.of("name", "daily", "every", "1d", "by", List.of("status"), "measures", List.of("sum(seq)"))),
            "retention",
            Map.of("maxAge", "60d"),
            "unknown",
            "extra");

    /** Hours, full text, a format with a zone. */
    private static final Map<String, Object> LOG = spec(
            "log",
            "time",
            "time",
            "partition",
            "hour",
            "columns",
            columns(
                    "time",
                    Map.of("type", "timestamp", "zone", "Europe/Berlin"),
                    "level",
                    "text",
                    "database",
                    "text",
                    "message",
                    "text",
                    "line_no",
                    Map.of("type", "integer", "required", true)),
            "fulltext",
            List.of("message"),
            "retention",
            Map.of("unbounded", true),
            "unknown",
            "ignore");

    /** What a release is asked, and every later one again: {@code ORDER BY} makes the answers comparable. */
    private static final List<String> QUESTIONS = List.of(
            "SELECT count(*), count(DISTINCT path), min(committer_date), max(committer_date) FROM files",
            "SELECT status, count(*), sum(seq), max(subject), min(new_blob) FROM files GROUP BY status ORDER BY status",
            "SELECT path, status, seq, subject, parents FROM files ORDER BY path LIMIT 5",
            "SELECT count(*), sum(seq), min(committer_date), sum(similarity) FROM ops",
            "SELECT \"commit\", count(*) FROM ops GROUP BY \"commit\" ORDER BY count(*) DESC, \"commit\" LIMIT 3",
            "SELECT status, count(*), min(extra) FROM ops GROUP BY status ORDER BY status",
            "SELECT level, count(*), min(time), max(line_no) FROM log GROUP BY level ORDER BY level",
            "SELECT line_no FROM log WHERE message LIKE '%client close request%' ORDER BY line_no LIMIT 3");

    private ReleaseFixture() {}

    /** Makes one: the file, and the release's name. */
    public static void main(String[] args) throws Exception {
        Path directory = Files.createTempDirectory("levee-release");
        Path copy = Files.createTempDirectory("levee-release-copy");
        try (Store store = fill(directory)) {
            copy(directory, copy);
            Map<String, Object> answers = new LinkedHashMap<>();
            answers.put("release", args[1]);
            answers.put("answers", ask(store));
            answers.put("trash", trash(store));
            answers.put("position", CURSOR);
            Files.writeString(copy.resolve(ANSWERS), Json.write(answers));
        }
        zip(copy, Path.of(args[0]));
        System.out.println("made " + args[0] + " of " + Files.size(Path.of(args[0])) + " bytes");
    }

    /** Closes it once, so that most partitions are plain files, and leaves it open with a few that were written to since. */
    private static Store fill(Path directory) throws Exception {
        List<String> lines = Samples.GIT_OPS_TIGERBEETLE.lines().subList(0, LINES);
        try (Store store = Levee.open(directory, o -> o.asOf(BEGIN))) {
            Table<Row> ops = store.createTable(TableSpec.fromMap(OPS));
            append(ops, lines.subList(0, LINES - LATE), "");
            append(store.createTable(TableSpec.fromMap(FILES)), lines.subList(0, LINES - LATE), "path");
            List<String> log = Samples.PGBOUNCER_2023.lines().subList(0, 100);
            append(store.createTable(TableSpec.fromMap(LOG)), log, "");
            try (TailCursor<Row> cursor = ops.cursor("reader")) {
                cursor.poll(Duration.ofSeconds(5));
                cursor.commit(CURSOR);
            }
            store.applyRetention(store.planRetention());
        }
        Store store = Levee.open(directory, o -> o.asOf(AS_OF));
        append(store.table("ops"), lines.subList(LINES - LATE, LINES), "");
        append(store.table("files"), lines.subList(LINES - LATE, LINES), "path");
        return store;
    }

    private static void append(Table<Row> table, List<String> lines, String needed) {
        RowBuilder row = Row.of(table.spec());
        List<CompletableFuture<?>> written = new ArrayList<>();
        for (String line : lines) {
            Map<String, Object> record = Json.object(line);
            if (needed.isEmpty() || record.get(needed) != null) {
                record.forEach(row::set);
                written.add(table.append(row.build(), Ack.COMMITTED));
            }
        }
        written.forEach(CompletableFuture::join);
    }

    /** The questions with the store's answers: values in their JSON form. */
    static List<Object> ask(Store store) {
        List<Object> answers = new ArrayList<>();
        for (String sql : QUESTIONS) {
            answers.add(Map.of("sql", sql, "rows", ask(store, sql)));
        }
        return answers;
    }

    static List<Object> ask(Store store, String sql) {
        List<Object> rows = new ArrayList<>();
        try (SqlResult result = store.sql(SqlQuery.of(sql))) {
            result.forEach(row -> rows.add(row.stream()
                    .map(value -> value instanceof Number || value == null ? value : String.valueOf(value))
                    .toList()));
        }
        return rows;
    }

    static List<String> trash(Store store) {
        return store.dropped().stream()
                .map(p -> p.id())
                .map(PartitionId::toString)
                .sorted()
                .toList();
    }

    private static Map<String, Object> spec(String table, Object... entries) {
        Map<String, Object> map = columns(entries);
        map.put("table", table);
        return map;
    }

    private static Map<String, Object> columns(Object... entries) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            map.put((String) entries[i], entries[i + 1]);
        }
        return map;
    }

    private static void copy(Path from, Path to) throws IOException {
        for (Path file : files(from)) {
            String name = file.getFileName().toString();
            // Shared memory is made anew from the WAL, and the reserve is zeros that nobody misses.
            if (!name.endsWith("-shm") && !name.equals("reserve.bin")) {
                Path target = to.resolve(from.relativize(file).toString());
                Files.createDirectories(Objects.requireNonNull(target.getParent()));
                Files.copy(file, target);
            }
        }
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(Files::isRegularFile).sorted().toList();
        }
    }

    static void zip(Path directory, Path file) throws IOException {
        try (OutputStream out = Files.newOutputStream(file);
                ZipOutputStream zip = new ZipOutputStream(out)) {
            zip.setLevel(9);
            for (Path one : files(directory)) {
                zip.putNextEntry(new ZipEntry(directory.relativize(one).toString()));
                Files.copy(one, zip);
            }
        }
    }

    /** Lays the store of a release into a directory and tells what it answered. */
    static Map<String, Object> unzip(String name, Path directory) throws IOException {
        try (InputStream in = ReleaseFixture.class.getResourceAsStream("/stores/" + name);
                ZipInputStream zip = new ZipInputStream(Objects.requireNonNull(in, name))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path file = directory.resolve(entry.getName());
                Files.createDirectories(Objects.requireNonNull(file.getParent()));
                Files.copy(zip, file);
            }
        }
        Path answers = directory.resolve(ANSWERS);
        Map<String, Object> map = Json.object(Files.readString(answers, StandardCharsets.UTF_8));
        Files.delete(answers);
        return map;
    }
}
