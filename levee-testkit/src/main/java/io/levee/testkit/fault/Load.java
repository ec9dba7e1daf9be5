package io.levee.testkit.fault;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.TableSpec;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.SplittableRandom;

/**
 * The load of fault tests: which record comes at which number of a run, as pure functions of its seed. Plain records spread over six
 * hours, one partition an hour; states by key. Event times hang on a clock that the run moves on, so that retention has work.
 *
 * @param seed the run's
 */
public record Load(long seed) {
    /** Plain records, by their number. */
    public static final TableSpec EVENTS = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("payload", ColumnType.TEXT)
            .time("at")
            .index("i")
            .partitionBy(PartitionBy.HOUR)
            .retention(RetentionRule.maxAge(Duration.ofHours(8)))
            .build();

    /** States by key, whose version only rises. */
    public static final TableSpec STATES = TableSpec.builder("states")
            .column("k", ColumnType.INTEGER)
            .column("version", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("payload", ColumnType.TEXT)
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .build();

    /** How long events are promised to be kept. */
    public static final Duration KEPT = Duration.ofHours(8);

    /** How many keys there are. */
    public static final int KEYS = 200;

    private static final long SPREAD_SECONDS = 6 * 3600;

    /** What is done at one number of the run. */
    public record Step(boolean keyed, Ack level, long seq, long atMicros) {
        /** The key of a state. */
        public long key() {
            return Math.floorMod(seq * 31, (long) KEYS);
        }
    }

    /**
     * What comes at a number. Accepted-only records are of now, because what an unclean stop may cost is bounded by the wall clock and
     * by what was in flight.
     */
    public Step step(long seq, Instant now) {
        SplittableRandom random = random(seq);
        int kind = random.nextInt(100);
        boolean keyed = kind >= 70;
        Ack level = kind % 10 < 2 ? Ack.DURABLE : kind % 10 < 5 && !keyed ? Ack.ACCEPTED : Ack.COMMITTED;
        Instant at = level == Ack.ACCEPTED || keyed ? now : now.minusSeconds(random.nextLong(SPREAD_SECONDS));
        return new Step(keyed, level, seq, ChronoUnit.MICROS.between(Instant.EPOCH, at));
    }

    /** The record of a step. */
    public Row row(Step step) {
        String payload = Payload.of(seed, step.seq(), step.atMicros());
        Instant at = Instant.EPOCH.plus(step.atMicros(), ChronoUnit.MICROS);
        if (step.keyed()) {
            return Row.of(STATES)
                    .set("k", step.key())
                    .set("version", step.seq())
                    .set("at", at)
                    .set("payload", payload)
                    .build();
        }
        return Row.of(EVENTS)
                .set("i", step.seq())
                .set("at", at)
                .set("payload", payload)
                .build();
    }

    private SplittableRandom random(long seq) {
        return new SplittableRandom(seed * 0x5851F42D4C957F2DL + seq);
    }
}
