package io.levee.internal.migration;

import io.levee.Bytes;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationPlan;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationSample;
import io.levee.engine.SliceOrder;
import io.levee.engine.StorageEngine;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What migrations would do. Changes nothing. Thread-safe. */
final class Plans {
    /** More than this is not begun without a person's approval. */
    static final long MOST_BYTES = 1L << 30;

    static final long MOST_ROWS = 5_000_000;

    private static final int SAMPLE_ROWS = 2_000;

    private final StorageEngine engine;
    private final Declaration declaration;

    Plans(StorageEngine engine, Declaration declaration) {
        this.engine = engine;
        this.declaration = declaration;
    }

    /** What is touched. */
    private record Reach(List<PartitionId> parts, long rows, long bytes, long room, List<String> untouched) {}

    MigrationPlan plan(List<Migration> asked, List<MigrationRecord> known, Instant now) {
        Map<String, MigrationRecord> byId = new HashMap<>();
        known.forEach(record -> byId.put(record.id(), record));
        List<MigrationPlan.Step> steps = new ArrayList<>();
        if (asked.isEmpty()) {
            known.stream()
                    .filter(record -> record.state() != State.DONE)
                    .forEach(record -> steps.add(step(record, now)));
            return new MigrationPlan(steps);
        }
        List<Live> before = new ArrayList<>(known.stream().map(Live::new).toList());
        for (Migration migration : asked) {
            MigrationRecord record = byId.get(migration.id());
            if (record != null) {
                Declaration.requireSame(new Live(record), migration);
                steps.add(step(record, now));
                continue;
            }
            declaration.check(
                    migration,
                    before.stream()
                            .filter(live -> live.record().table().equals(migration.table()))
                            .toList(),
                    now);
            MigrationRecord planned = MigrationRecord.planned(migration);
            before.add(new Live(planned));
            steps.add(step(planned, now));
        }
        return new MigrationPlan(steps);
    }

    private MigrationPlan.Step step(MigrationRecord record, Instant now) {
        Reach reach = reach(record);
        return new MigrationPlan.Step(
                record.id(),
                record.table(),
                record.step().kind(),
                record.state(),
                Words.what(record),
                reach.parts().size(),
                reach.rows(),
                reach.bytes(),
                reach.room(),
                record.state() == State.DONE ? Duration.ZERO : expected(record, reach, now),
                reach.untouched(),
                record.approved() || record.startedMicros() > 0 ? null : needsApproval(record, reach),
                Words.undo(record.step()));
    }

    private Reach reach(MigrationRecord record) {
        List<PartitionId> parts = record.state() == State.DONE || record.step() instanceof MigrationStep.Custom
                ? List.of()
                : engine.migrationParts(record);
        Map<PartitionId, PartitionInfo> infos = new HashMap<>();
        List<String> untouched = new ArrayList<>();
        for (PartitionInfo partition : engine.partitions()) {
            infos.put(partition.id(), partition);
            if (partition.state() == PartitionInfo.State.ADOPTED
                    && partition.id().table().equals(record.table())) {
                untouched.add(
                        partition.id() + ": an adopted database is never written to; its rows read as the table's");
            }
        }
        long rows = 0;
        long bytes = 0;
        long room = 0;
        for (PartitionId id : parts) {
            PartitionInfo info = infos.get(id);
            rows += info == null ? 0 : Math.max(0, info.rows());
            bytes += info == null ? 0 : info.bytes();
            room = Math.max(room, engine.migrationRoom(record, id));
        }
        return new Reach(parts, rows, bytes, room, untouched);
    }

    /** Why a migration waits for a person's approval; null where it needs none. */
    @Nullable
    String needsApproval(MigrationRecord record) {
        return light(record.step()) ? null : needsApproval(record, reach(record));
    }

    private static @Nullable String needsApproval(MigrationRecord record, Reach reach) {
        if (light(record.step()) || reach.bytes() <= MOST_BYTES && reach.rows() <= MOST_ROWS) {
            return null;
        }
        return "it works on " + reach.rows() + " rows and " + new Bytes(reach.bytes()) + ", more than " + MOST_ROWS
                + " rows or " + new Bytes(MOST_BYTES);
    }

    /** Whether its cost does not grow with the rows. */
    private static boolean light(MigrationStep step) {
        return step instanceof MigrationStep.DropIndex
                || step instanceof MigrationStep.RenameColumn
                || step instanceof MigrationStep.Custom
                || step instanceof MigrationStep.AddColumn add && add.column().expression() == null;
    }

    private @Nullable Duration expected(MigrationRecord record, Reach reach, Instant now) {
        try {
            return measured(record, reach, now);
        } catch (LeveeException e) {
            // One that builds upon others of the plan cannot be tried before these are declared.
            return null;
        }
    }

    private @Nullable Duration measured(MigrationRecord record, Reach reach, Instant now) {
        if (reach.parts().isEmpty()) {
            return record.step() instanceof MigrationStep.Custom ? null : Duration.ZERO;
        }
        TableSpec spec = declaration.spec(record.table());
        Fill fill = record.step() instanceof MigrationStep.Backfill step
                ? Fill.of(record.migration(), step, spec, declaration::spec, now)
                : null;
        SliceOrder order = new SliceOrder(
                spec,
                SAMPLE_ROWS,
                Pace.TARGET,
                fill == null ? null : fill.where(),
                fill == null ? Map.of() : fill.set(),
                null,
                () -> false);
        MigrationSample sample = engine.migrationSample(record, reach.parts().get(0), order);
        if (sample == null || sample.rows() == 0) {
            return null;
        }
        double perRow = (double) sample.nanos() / sample.rows();
        return Duration.ofNanos((long) (perRow * reach.rows()));
    }
}
