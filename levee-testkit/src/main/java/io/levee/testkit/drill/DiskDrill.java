package io.levee.testkit.drill;

import io.levee.Ack;
import io.levee.BackupCheck;
import io.levee.BatchReceipt;
import io.levee.Bytes;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * A store with a cap is written to without a pause, queried and made to drop by age and by size; from outside it is looked at each second
 * what its files take.
 */
public final class DiskDrill {
    private static final Duration SAMPLE = Duration.ofSeconds(1);
    private static final int BATCH = 1000;

    /** An hour of the history passes with so many records: partitions are many beside the cap. */
    private static final int PER_HOUR = 5_000;

    /** So many rows a slow reader takes at a time. */
    private static final int SLOW_ROWS = 50;

    private static final double MIB = 1 << 20;
    /** A sort of it all: an ORDER BY would be merged from small ones, a partition each. */
    private static final String SORT =
            "SELECT args_preview, task_id, count(*) FROM invocations GROUP BY args_preview, task_id";

    /** All of the rows, for a reader who takes his time. */
    private static final String ALL = "SELECT * FROM invocations";

    private final Path directory;
    private final Bytes cap;
    private final Duration length;
    private final Consumer<String> progress;
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicLong queries = new AtomicLong();
    private final AtomicLong queryErrors = new AtomicLong();
    private final AtomicLong backups = new AtomicLong();
    private final AtomicLong backupErrors = new AtomicLong();
    private final List<double[]> samples = new ArrayList<>();
    private volatile long mostHidden;
    private volatile long mostFiles;

    /** What the store said of itself when the first record was lost. */
    private String firstLoss = "";

    /**
     * A drill.
     *
     * @param directory where the store and the picture are made; it has to be there
     * @param cap of the store
     * @param length of the writing
     * @param progress told what is done
     */
    public DiskDrill(Path directory, Bytes cap, Duration length, Consumer<String> progress) {
        this.directory = directory;
        this.cap = cap;
        this.length = length;
        this.progress = progress;
    }

    private static TableSpec spec() {
        TableSpec.Builder spec = TableSpec.builder(Invocations.TABLE).time("finished_at");
        Invocations.spec(Duration.ofDays(3650)).columns().forEach(spec::column);
        return spec.partitionBy(PartitionBy.HOUR)
                .index("task_name", "finished_at")
                .retention(RetentionRule.maxAge(Duration.ofDays(30)))
                .build();
    }

    /** Does it; as long as it was told to. */
    public DrillOutcome run() throws IOException {
        Path home = directory.resolve("capped");
        try {
            progress.accept("writing below a cap of " + cap + " for " + length.toSeconds() + " s");
            return outcome(home);
        } finally {
            over.set(true);
            RetentionDrill.delete(home);
            RetentionDrill.delete(backup());
        }
    }

    private Path backup() {
        return directory.resolve("capped-backup");
    }

    private DrillOutcome outcome(Path home) throws IOException {
        long written = 0;
        StoreStatus status;
        List<Gap> gaps;
        Thread sampler;
        List<Thread> readers;
        try (Store store =
                Levee.open(home, o -> o.disk(cap).asOf(Invocations.BEGIN).retentionEvery(Duration.ofSeconds(1)))) {
            Table<Row> runs = store.createTable(spec());
            long begun = System.nanoTime();
            sampler = started("sampler", () -> sample(home, begun));
            readers = List.of(
                    started("reader", () -> read(store)),
                    started("slow reader", () -> readSlowly(store)),
                    started("backup", () -> backUp(store)));
            List<Row> batch = new ArrayList<>(BATCH);
            while (System.nanoTime() - begun < length.toNanos()) {
                batch.add(row(runs, written++));
                if (batch.size() == BATCH) {
                    // Each is waited for: what is lost would be a fault, not a choice of the queue.
                    BatchReceipt receipt = runs.appendAll(batch, Ack.COMMITTED, Overflow.block(Duration.ofMinutes(1)))
                            .join();
                    if (receipt.lost() > 0 && firstLoss.isEmpty()) {
                        firstLoss = written + ": " + store.status().health() + ", "
                                + store.status().disk().byPart();
                        progress.accept("records were lost before " + firstLoss);
                    }
                    batch.clear();
                }
            }
            written -= batch.size();
            over.set(true);
            readers.forEach(DiskDrill::join);
            join(sampler);
            status = store.status();
            gaps = store.gaps();
        }
        return outcome(written, status, gaps);
    }

    private static Row row(Table<Row> runs, long number) {
        Instant at = Invocations.BEGIN.plus(Duration.ofSeconds(3600 * number / PER_HOUR));
        return Invocations.row(runs.spec(), Invocations.run(number, at));
    }

    private DrillOutcome outcome(long written, StoreStatus status, List<Gap> gaps) throws IOException {
        long most = samples.stream().mapToLong(sample -> (long) sample[1]).max().orElse(0);
        long passed = samples.stream().filter(sample -> sample[1] > cap.value()).count();
        long rows = status.tables().stream()
                .mapToLong(StoreStatus.TableStatus::rows)
                .sum();
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("capBytes", cap.value());
        figures.put("samples", samples.size());
        figures.put("maxBytes", most);
        figures.put("maxFilesBytes", mostFiles);
        figures.put("maxUnlinkedBytes", mostHidden);
        figures.put("samplesOver", passed);
        figures.put("written", written);
        figures.put("stored", status.stored());
        figures.put("lost", status.lost());
        figures.put("lostByReason", reasons(status));
        figures.put("firstLoss", firstLoss);
        figures.put("dropped", status.stored() - rows);
        figures.put("gaps", gaps.size());
        figures.put("queries", queries.get());
        figures.put("queriesRefused", queryErrors.get());
        figures.put("backups", backups.get());
        figures.put("backupsRefused", backupErrors.get());
        List<Verdict> verdicts = verdicts(written, status, most, passed);
        Verdict.into(figures, verdicts);
        Path picture = directory.resolve("drill-disk.svg");
        Files.writeString(picture, DiskPicture.svg(samples, cap.value()));
        figures.put("svg", picture.toString());
        List<String> table = new ArrayList<>(table(figures));
        verdicts.forEach(verdict -> table.add(verdict.line()));
        return new DrillOutcome(figures, table);
    }

    private List<Verdict> verdicts(long written, StoreStatus status, long most, long passed) {
        List<Verdict> verdicts = new ArrayList<>();
        verdicts.add(new Verdict(
                "the cap is passed at no sample",
                passed == 0 && !samples.isEmpty(),
                passed + " of " + samples.size() + " samples, at most " + new Bytes(most) + " of " + cap));
        verdicts.add(new Verdict(
                "every record is stored, and none is lost",
                status.lost() == 0 && status.stored() == written,
                status.stored() + " stored of " + written + ", " + status.lost() + " lost"
                        + (status.lost() == 0 ? "" : " " + reasons(status))));
        if (backups.get() > 0) {
            BackupCheck check = Levee.verifyBackup(backup(), line -> {});
            verdicts.add(new Verdict(
                    "the last backup is whole",
                    check.damaged().isEmpty() && check.missing().isEmpty(),
                    check.partitions() + " partitions, " + check.damaged().size() + " files damaged, "
                            + check.missing().size() + " partitions missing"));
        }
        return verdicts;
    }

    private static Map<String, Long> reasons(StoreStatus status) {
        Map<String, Long> reasons = new TreeMap<>();
        status.lostByReason().forEach((reason, count) -> reasons.put(reason.name(), count));
        return reasons;
    }

    private static List<String> table(Map<String, Object> figures) {
        return List.of(
                String.format(
                        Locale.ROOT,
                        "cap %.1f MiB, at most %.1f MiB allocated in %s samples, %s of them over it",
                        number(figures, "capBytes") / MIB,
                        number(figures, "maxBytes") / MIB,
                        figures.get("samples"),
                        figures.get("samplesOver")),
                String.format(
                        Locale.ROOT,
                        "%s records written, %s stored, %s lost, %s dropped with their partitions",
                        figures.get("written"),
                        figures.get("stored"),
                        figures.get("lost"),
                        figures.get("dropped")),
                String.format(
                        Locale.ROOT,
                        "%s queries, %s of them ended for want of room or time",
                        figures.get("queries"),
                        figures.get("queriesRefused")),
                String.format(
                        Locale.ROOT,
                        "%s backups meanwhile, %s ended with an error",
                        figures.get("backups"),
                        figures.get("backupsRefused")));
    }

    private static double number(Map<String, Object> figures, String key) {
        return figures.get(key) instanceof Number number ? number.doubleValue() : 0;
    }

    private static Thread started(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void sample(Path home, long begun) {
        long every = Math.min(SAMPLE.toNanos(), length.toNanos() / 20);
        for (long next = begun; samples.isEmpty() || !over.get(); next += every) {
            long left = next - System.nanoTime();
            if (left > 0) {
                LockSupport.parkNanos(left);
            }
            long hidden = unlinked(home);
            long files = Blocks.sum(home);
            mostHidden = Math.max(mostHidden, hidden);
            mostFiles = Math.max(mostFiles, files);
            samples.add(new double[] {(System.nanoTime() - begun) / 1e6, files + hidden});
        }
    }

    /** What this process has open of the store and no directory shows; a file that is open twice takes its place once. */
    private static long unlinked(Path home) {
        Map<String, Long> files = new HashMap<>();
        String root = home.toAbsolutePath().normalize() + "/";
        try (DirectoryStream<Path> links = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (Path link : links) {
                note(link, root, files);
            }
        } catch (IOException e) {
            // Not Linux: then files that are gone are not counted.
            return 0;
        }
        return files.values().stream().mapToLong(bytes -> bytes).sum();
    }

    private static void note(Path link, String root, Map<String, Long> files) {
        try {
            String target = Files.readSymbolicLink(link).toString();
            if (target.startsWith(root) && target.endsWith(" (deleted)")) {
                files.put(target, Files.size(link));
            }
        } catch (IOException e) {
            // It was closed meanwhile.
        }
    }

    /** Reads everything, a few rows at a time, so that what is dropped meanwhile is kept by this query. */
    private void readSlowly(Store store) {
        while (!over.get()) {
            try (SqlResult rows =
                    store.sql(new SqlQuery(ALL, Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofSeconds(60)))) {
                for (int read = 0; !over.get() && rows.iterator().hasNext(); read++) {
                    rows.iterator().next();
                    if (read % SLOW_ROWS == 0) {
                        LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
                    }
                }
            } catch (LeveeException e) {
                queryErrors.incrementAndGet();
            }
            queries.incrementAndGet();
            LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
        }
    }

    /** One backup after another into the same directory, which holds the one before until the next is whole. */
    private void backUp(Store store) {
        long rest = Math.min(Duration.ofSeconds(5).toNanos(), length.toNanos() / 10);
        do {
            LockSupport.parkNanos(rest);
            try {
                store.backup(backup());
                backups.incrementAndGet();
            } catch (LeveeException e) {
                progress.accept("a backup ended: " + e.getMessage());
                backupErrors.incrementAndGet();
            }
        } while (!over.get());
    }

    /** Counts everything, and sorts the last hours. */
    private void read(Store store) {
        do {
            try {
                store.count(Query.builder(Invocations.TABLE).build());
                long newest = JobStores.micros(
                        store.newest(Query.builder(Invocations.TABLE).build())
                                .orElse(Invocations.BEGIN)
                                .minus(Duration.ofHours(6)));
                try (SqlResult rows = store.sql(new SqlQuery(SORT, newest, Long.MAX_VALUE, Duration.ofSeconds(10)))) {
                    rows.iterator().forEachRemaining(row -> {});
                }
            } catch (LeveeException e) {
                queryErrors.incrementAndGet();
            }
            queries.incrementAndGet();
            LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
        } while (!over.get());
    }
}
