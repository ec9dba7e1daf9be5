package io.levee.testkit.drill;

import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.TableSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;

/** Task runs as the Celery monitor of the incidents keeps them; each is drawn by its number alone. Immutable. */
final class Invocations {
    static final String TABLE = "invocations";

    static final List<String> COLUMNS = List.of(
            "task_id",
            "task_name",
            "state",
            "received_at",
            "started_at",
            "finished_at",
            "runtime_ms",
            "worker",
            "queue",
            "exception_type",
            "args_preview");

    /** The incident's three days: one that goes, one that stays, and the one that is written to. */
    static final Instant BEGIN = Instant.parse("2026-05-18T00:00:00Z");

    static final Duration DAY = Duration.ofDays(1);

    /** When the writing begins: what is left of the day outlasts every drill. */
    static final Instant LIVE = BEGIN.plus(DAY.multipliedBy(2)).plus(Duration.ofHours(1));

    private static final int TIME = COLUMNS.indexOf("finished_at");
    private static final String[] STATES = {"SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS", "RETRY", "FAILURE"};

    private Invocations() {}

    /** The table in Levee. */
    static TableSpec spec(Duration keep) {
        TableSpec.Builder spec =
                TableSpec.builder(TABLE).time("finished_at").key("task_id").partitionBy(PartitionBy.DAY);
        for (String column : COLUMNS) {
            spec.column(column, type(column));
        }
        return spec.index("task_name", "finished_at")
                .retention(RetentionRule.maxAge(keep))
                .build();
    }

    private static ColumnType type(String column) {
        return switch (column) {
            case "received_at", "started_at", "finished_at" -> ColumnType.TIMESTAMP;
            case "runtime_ms" -> ColumnType.REAL;
            default -> ColumnType.TEXT;
        };
    }

    /** The statements that make the table and its indexes, times in microseconds; both databases take them. */
    static List<String> create(String table) {
        StringBuilder columns = new StringBuilder("task_id TEXT PRIMARY KEY");
        for (String column : COLUMNS.subList(1, COLUMNS.size())) {
            columns.append(", ")
                    .append(column)
                    .append(
                            switch (type(column)) {
                                case TIMESTAMP -> " BIGINT";
                                case REAL -> " DOUBLE PRECISION";
                                default -> " TEXT";
                            });
        }
        return List.of(
                "CREATE TABLE " + table + "(" + columns + ")",
                "CREATE INDEX " + table + "_finished ON " + table + "(finished_at)",
                "CREATE INDEX " + table + "_name ON " + table + "(task_name, finished_at)");
    }

    /** The event time of the nth of a day's runs. */
    static Instant within(int day, long number, long ofDay) {
        return BEGIN.plus(DAY.multipliedBy(day)).plusNanos((long) (DAY.toNanos() * ((double) number / ofDay)));
    }

    /** A run's values by {@link #COLUMNS}; times are microseconds. */
    static Object[] run(long number, Instant finished) {
        SplittableRandom random = new SplittableRandom(0x9E3779B97F4A7C15L * (number + 1));
        long micros = JobStores.micros(finished);
        long runtime = 1000L + random.nextInt(4_000_000);
        String state = STATES[random.nextInt(STATES.length)];
        int task = random.nextInt(120);
        Object[] values = new Object[COLUMNS.size()];
        values[0] = new UUID(random.nextLong(), number).toString();
        values[1] = "shop.tasks.module" + task % 12 + ".task_" + task;
        values[2] = state;
        values[3] = micros - runtime - 2000;
        values[4] = micros - runtime;
        values[TIME] = micros;
        values[6] = runtime / 1000.0;
        values[7] = "celery@worker-" + random.nextInt(16);
        values[8] = "queue-" + task % 8;
        values[9] = state.equals("FAILURE") ? "requests.exceptions.ReadTimeout" : null;
        values[10] = "('order', " + random.nextInt(1 << 30) + ", {'customer': " + random.nextInt(1 << 30)
                + ", 'items': [" + random.nextInt(9999) + ", " + random.nextInt(9999) + "], 'note': 'as usual'})";
        return values;
    }

    /** A run as a row of Levee's table. */
    static Row row(TableSpec spec, Object[] values) {
        var row = Row.of(spec);
        for (int i = 0; i < values.length; i++) {
            boolean time = spec.columns().get(i).type() == ColumnType.TIMESTAMP;
            row.set(COLUMNS.get(i), time ? instant((Long) values[i]) : values[i]);
        }
        return row.build();
    }

    static Instant instant(long micros) {
        return Instant.ofEpochSecond(Math.floorDiv(micros, 1_000_000), Math.floorMod(micros, 1_000_000) * 1000L);
    }
}
