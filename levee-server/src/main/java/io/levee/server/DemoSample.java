package io.levee.server;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.TimeFormat;
import io.levee.ingest.Compression;
import io.levee.ingest.RecordSource;
import java.io.InputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * The bundled records, in the order of their times, each with the time it has: 21 hours of a cluster's jobs and four hours of
 * its tasks. Used by one thread; has to be closed.
 */
final class DemoSample implements AutoCloseable {
    /** The clock that both files share; see the ORIGIN.md beside them. */
    private static final Instant ORIGIN = Instant.parse("2011-05-01T23:00:00Z");

    private static final int MAX_LINE = 64 << 10;

    private final List<Input> inputs = new ArrayList<>();
    private final PriorityQueue<Input> next = new PriorityQueue<>(Comparator.comparingLong(Input::timeMicros));
    private long first;

    /** Opens the sample. */
    DemoSample() {
        inputs.add(new Input("borg_task_events.ndjson.gz", tasks()));
        inputs.add(new Input("borg_job_events.ndjson.gz", jobs()));
        inputs.stream().filter(Input::advance).forEach(next::add);
        Input earliest = next.peek();
        first = earliest == null ? 0 : earliest.timeMicros();
    }

    /** How much time the sample covers; that of the cut that is bundled. */
    static Duration span() {
        return Duration.ofMinutes(1206);
    }

    /** A record and the table it belongs to. */
    record Event(String table, Row row) {}

    /** The tables that the records go to. */
    List<TableSpec> tables() {
        return inputs.stream().map(input -> input.spec).toList();
    }

    /** The time of the first record, microseconds. */
    long firstMicros() {
        return first;
    }

    /** The next record up to this time, null where there is none yet, or none any more. */
    @Nullable
    Event poll(long untilMicros) {
        Input input = next.peek();
        if (input == null || input.timeMicros() > untilMicros) {
            return null;
        }
        next.remove();
        Event event = new Event(input.spec.name(), input.row());
        if (input.advance()) {
            next.add(input);
        }
        return event;
    }

    /** Whether everything was read. */
    boolean ended() {
        return next.isEmpty();
    }

    @Override
    public void close() {
        inputs.forEach(input -> input.records.close());
    }

    private static TableSpec tasks() {
        return events("task_events", Duration.ofHours(2))
                .column("task index", ColumnType.INTEGER)
                .column("machine ID", ColumnType.INTEGER)
                .column("CPU request", ColumnType.REAL)
                .column("memory request", ColumnType.REAL)
                .column("disk space request", ColumnType.REAL)
                .column("priority", ColumnType.INTEGER)
                .column("different machines restriction", ColumnType.INTEGER)
                .index("job ID", "time")
                .build();
    }

    private static TableSpec jobs() {
        return events("job_events", Duration.ofHours(8))
                .column("job name", ColumnType.TEXT)
                .column(new Column("logical job name", ColumnType.TEXT, true, false, null))
                .index("user", "time")
                .build();
    }

    /** What both tables share. The ages are short, so that retention has something to do within the sample. */
    private static TableSpec.Builder events(String name, Duration kept) {
        Column time =
                new Column("time", ColumnType.TIMESTAMP, false, true, TimeFormat.relative(TimeFormat.Unit.US, ORIGIN));
        return TableSpec.builder(name)
                .column(time)
                .column("job ID", ColumnType.INTEGER)
                .column("event type", ColumnType.INTEGER)
                .column("user", ColumnType.TEXT)
                .column("scheduling class", ColumnType.INTEGER)
                .column("missing info", ColumnType.INTEGER)
                .time("time")
                .partitionBy(PartitionBy.HOUR)
                .retention(RetentionRule.maxAge(kept));
    }

    private static final class Input {
        private final TableSpec spec;
        private final RecordSource records;
        private @Nullable Row row;

        Input(String file, TableSpec spec) {
            this.spec = spec;
            InputStream in = DemoSample.class.getResourceAsStream("demo/" + file);
            if (in == null) {
                throw new LeveeException(ErrorCode.NOT_FOUND, "the jar lacks the demo's sample " + file);
            }
            this.records = RecordSource.ndjson(Compression.open(in), spec, MAX_LINE);
        }

        boolean advance() {
            row = records.advance() ? records.row() : null;
            return row != null;
        }

        Row row() {
            if (row == null) {
                throw new IllegalStateException("read past the end of " + spec.name());
            }
            return row;
        }

        long timeMicros() {
            return row().timeMicros();
        }
    }
}
