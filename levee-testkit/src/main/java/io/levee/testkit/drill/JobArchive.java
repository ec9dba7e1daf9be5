package io.levee.testkit.drill;

import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.TableSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Jobs of a computing centre as its archive keeps them: few clusters, users and projects by a steep law, lognormal run times, and details
 * in JSON. The same seed draws the same jobs, each by its number alone. Immutable.
 */
public final class JobArchive {
    /** The table's name. */
    public static final String TABLE = "job";

    /** The columns, in the order of {@link #job}. */
    public static final List<String> COLUMNS = List.of(
            "job_id",
            "cluster",
            "subcluster",
            "submit_time",
            "start_time",
            "hpc_user",
            "project",
            "cluster_partition",
            "array_job_id",
            "duration",
            "walltime",
            "job_state",
            "meta_data",
            "resources",
            "num_nodes",
            "num_hwthreads",
            "num_acc",
            "smt",
            "shared",
            "monitoring_status",
            "energy",
            "footprint");

    /** The eight indexes, built after the load in the single file, declared in Levee. */
    public static final List<List<String>> INDEXES = List.of(
            List.of("start_time"),
            List.of("cluster", "start_time"),
            List.of("cluster", "hpc_user", "start_time"),
            List.of("cluster", "project", "start_time"),
            List.of("hpc_user", "start_time"),
            List.of("job_state", "start_time"),
            List.of("cluster", "job_state", "duration"),
            List.of("num_nodes", "start_time"));

    private static final Instant BEGIN = Instant.parse("2026-02-01T00:00:00Z");
    private static final int USERS = 2500;
    private static final int PROJECTS = 320;
    private static final String[] CLUSTERS = {"fritz", "alex", "woody"};
    private static final String[] APPLICATIONS = {
        "gromacs",
        "vasp",
        "lammps",
        "openfoam",
        "python",
        "pytorch",
        "namd",
        "cp2k",
        "amber",
        "starccm",
        "matlab",
        "ansys"
    };

    private final long seed;
    private final long rows;
    private final int days;

    /**
     * An archive.
     *
     * @param seed draws the jobs
     * @param rows how many there are, spread evenly over the days
     * @param days how many days they began on
     */
    public JobArchive(long seed, long rows, int days) {
        this.seed = seed;
        this.rows = rows;
        this.days = days;
    }

    /** How many jobs there are. */
    public long rows() {
        return rows;
    }

    /** The first moment. */
    public static Instant begin() {
        return BEGIN;
    }

    /** Behind the last moment. */
    public Instant end() {
        return BEGIN.plus(Duration.ofDays(days));
    }

    /** The table as Levee has it: a partition a day, the same indexes. */
    public static TableSpec spec() {
        TableSpec.Builder spec = TableSpec.builder(TABLE).time("start_time").partitionBy(PartitionBy.DAY);
        for (String column : COLUMNS) {
            spec.column(column, type(column));
        }
        INDEXES.forEach(index -> spec.index(index.toArray(new String[0])));
        return spec.retention(RetentionRule.maxAge(Duration.ofDays(3650))).build();
    }

    /** A column's type. */
    public static ColumnType type(String column) {
        return switch (column) {
            case "submit_time", "start_time" -> ColumnType.TIMESTAMP;
            case "meta_data", "resources", "footprint" -> ColumnType.JSON;
            case "energy" -> ColumnType.REAL;
            case "cluster", "subcluster", "hpc_user", "project", "cluster_partition", "job_state", "shared" ->
                ColumnType.TEXT;
            default -> ColumnType.INTEGER;
        };
    }

    /** The statement that makes the table in one SQLite file, times in microseconds. */
    public static String createTable() {
        List<String> columns = new ArrayList<>();
        for (String column : COLUMNS) {
            columns.add(column
                    + switch (type(column)) {
                        case REAL -> " REAL";
                        case JSON, TEXT -> " TEXT";
                        default -> " INTEGER";
                    });
        }
        return "CREATE TABLE " + TABLE + "(_seq INTEGER PRIMARY KEY, " + String.join(", ", columns) + ")";
    }

    /** The statements that build the indexes. */
    public static List<String> createIndexes() {
        return INDEXES.stream()
                .map(index -> "CREATE INDEX " + TABLE + "_" + String.join("_", index) + " ON " + TABLE + "("
                        + String.join(", ", index) + ")")
                .toList();
    }

    /** A job's values by {@link #COLUMNS}; times are {@link Instant}s. */
    public Object[] job(long number) {
        SplittableRandom random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + number);
        double part = (number + random.nextDouble()) / rows;
        Instant start =
                BEGIN.plusNanos(((long) (part * days * 86_400)) * 1_000_000_000L + random.nextInt(1_000_000) * 1000L);
        int user = steep(random, USERS);
        int cluster = user % 7 < 4 ? 0 : user % 7 < 6 ? 1 : 2;
        boolean gpu = cluster == 1;
        int nodes = cluster == 2 ? 1 : Math.min(64, 1 << steep(random, 7));
        int accelerators = gpu ? nodes * 8 : 0;
        int threads = nodes * (cluster == 0 ? 72 : cluster == 1 ? 128 : 4);
        long duration = Math.min(86_400, (long) Math.exp(6.2 + 2.1 * gaussian(random)) + 1);
        long walltime = duration < 3600 ? 3600 : duration < 21_600 ? 21_600 : 86_400;
        int luck = random.nextInt(1000);
        String state = luck < 840
                ? "completed"
                : luck < 920
                        ? "failed"
                        : luck < 960
                                ? "cancelled"
                                : luck < 985 ? "timeout" : luck < 995 ? "out_of_memory" : "node_fail";
        String application = APPLICATIONS[steep(random, APPLICATIONS.length)];
        double load = random.nextDouble();
        return new Object[] {
            1_000_000 + number,
            CLUSTERS[cluster],
            gpu ? "a100" : cluster == 0 ? "main" : "icelake",
            start.minusSeconds(random.nextInt(7200)),
            start,
            user(user),
            project(user),
            nodes > 16 ? "big" : nodes > 1 ? "multi" : "single",
            random.nextInt(20) == 0 ? 1_000_000 + number / 64 * 64 : 0L,
            duration,
            walltime,
            state,
            "{\"jobName\":\"" + application + "-" + Integer.toHexString(random.nextInt(1 << 20))
                    + "\",\"slurmInfo\":\"JobId=" + (1_000_000 + number) + " Account=" + project(user)
                    + " QOS=normal\"}",
            resources(random, cluster, nodes, accelerators),
            (long) nodes,
            (long) threads,
            (long) accelerators,
            1L,
            nodes > 1 ? "none" : random.nextInt(3) == 0 ? "multi_user" : "single_user",
            (long) random.nextInt(4),
            nodes * duration * (0.1 + load * 0.4) / 3600,
            footprint(random, load, gpu)
        };
    }

    private static String user(int user) {
        return "u" + (char) ('a' + user % 26) + (char) ('a' + user / 26 % 26) + String.format(Locale.ROOT, "%04d", user)
                + "h";
    }

    private static String project(int user) {
        return "p" + String.format(Locale.ROOT, "%03d", user * 31 % PROJECTS) + "ab";
    }

    private static String resources(SplittableRandom random, int cluster, int nodes, int accelerators) {
        StringBuilder text = new StringBuilder("[");
        int first = random.nextInt(900);
        for (int i = 0; i < Math.min(nodes, 4); i++) {
            text.append(i == 0 ? "" : ",")
                    .append("{\"hostname\":\"")
                    .append(CLUSTERS[cluster].charAt(0))
                    .append(String.format(Locale.ROOT, "%04d", (first + i) % 992))
                    .append('"')
                    .append(accelerators > 0 ? ",\"accelerators\":[\"00000000:01:00.0\"]" : "")
                    .append('}');
        }
        return text.append(']').toString();
    }

    private static String footprint(SplittableRandom random, double load, boolean gpu) {
        String text = String.format(
                Locale.ROOT,
                "\"cpu_load_avg\":%.3f,\"flops_any_avg\":%.2f,\"mem_bw_avg\":%.2f,\"mem_used_max\":%.1f",
                load * 72,
                load * 900 * random.nextDouble(),
                load * 300,
                random.nextDouble() * 250);
        return "{" + text
                + (gpu ? String.format(Locale.ROOT, ",\"acc_utilization_avg\":%.2f", random.nextDouble() * 100) : "")
                + "}";
    }

    /** Small numbers far more often than large ones. */
    private static int steep(SplittableRandom random, int most) {
        double u = random.nextDouble();
        return (int) (most * u * u * u);
    }

    private static double gaussian(SplittableRandom random) {
        double u = 1 - random.nextDouble();
        return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random.nextDouble());
    }

    /** A job as a row of the table. */
    public Row row(TableSpec spec, long number) {
        Object[] values = job(number);
        var row = Row.of(spec);
        for (int i = 0; i < values.length; i++) {
            row.set(COLUMNS.get(i), values[i]);
        }
        return row.build();
    }
}
