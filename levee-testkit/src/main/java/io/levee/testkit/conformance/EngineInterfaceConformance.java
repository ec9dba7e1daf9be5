package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.engine.BackupHelp;
import io.levee.engine.BackupMark;
import io.levee.engine.Capability;
import io.levee.engine.Execution;
import io.levee.engine.Finding;
import io.levee.engine.Period;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.Slot;
import io.levee.engine.StoredRow;
import io.levee.engine.WriteRow;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What only the engine interface shows. The test's thread is the writer's, the janitor's and a query's, one after another. */
abstract class EngineInterfaceConformance extends EngineLevel {
    private static final Period TODAY = Period.of(PartitionBy.DAY, micros(DAY));

    EngineInterfaceConformance(EngineConformance kit) {
        super(kit);
    }

    private List<@Nullable Object[]> rows() {
        return rows(SPEC, "k");
    }

    private PartitionInfo only() {
        List<PartitionInfo> all = engine.partitions();
        assertThat(all).hasSize(1);
        return all.get(0);
    }

    @Test
    void shouldSettleEachRowWithItsNumber() {
        List<Pending> rows = append(
                new Pending("a", 1, DAY),
                new Pending("b", 2, DAY.minusSeconds(5)),
                new Pending("a", 3, DAY.plusSeconds(5)),
                new Pending("c", 4, DAY.plusSeconds(9)));
        assertThat(rows)
                .extracting(WriteRow::outcome)
                .containsExactly(
                        WriteRow.Outcome.STORED,
                        WriteRow.Outcome.STORED,
                        WriteRow.Outcome.UPDATED,
                        WriteRow.Outcome.STORED);
        assertThat(rows.get(2).seq()).isEqualTo(rows.get(0).seq());
        assertThat(rows).allMatch(r -> r.seq() > 0 && r.error() == null);
        assertThat(rows.get(3).seq())
                .as("numbers rise within a partition")
                .isGreaterThan(rows.get(0).seq());
        // The wanted column, then event time and number.
        List<@Nullable Object[]> read = rows();
        assertThat(read).hasSize(3);
        assertThat(read.get(1))
                .containsExactly("a", micros(DAY.plusSeconds(5)), rows.get(0).seq());
        assertThat(engine.partitions()).extracting(p -> p.id().period()).containsExactly("2026-05-17", "2026-05-18");
        assertThat(engine.highestSeq(SPEC, execution()))
                .isGreaterThanOrEqualTo(rows.get(3).seq());
    }

    @Test
    void shouldFindARowByItsStoredKey() {
        long seq = append(new Pending("a", 1, DAY)).get(0).seq();
        StoredRow found = Objects.requireNonNull(engine.find(SPEC, new Object[] {"a"}));
        assertThat(found.values()).containsExactly("a", 1L, micros(DAY), "trace 1");
        assertThat(found.timeMicros()).isEqualTo(micros(DAY));
        assertThat(found.seq()).isEqualTo(seq);
        assertThat(engine.find(SPEC, new Object[] {"b"})).isNull();
    }

    /** A row that was told of and has changed since is only deleted if the filter still lets it through. */
    @Test
    void shouldDeleteOnlyWhatIsStillMeant() {
        List<Pending> rows =
                append(new Pending("a", 1, DAY), new Pending("b", 1, DAY), new Pending("c", 1, DAY.minusSeconds(1)));
        List<RowQuery.Mark> marks = new ArrayList<>();
        rows.forEach(r -> marks.add(new RowQuery.Mark(r.timeMicros(), r.seq())));
        marks.add(new RowQuery.Mark(micros(DAY), 999_999));
        append(new Pending("b", 2, DAY));
        assertThat(engine.delete(SPEC, marks, Expr.eq("v", 1L), Ack.DURABLE)).isEqualTo(2);
        assertThat(rows()).hasSize(1);
        assertThat(engine.delete(SPEC, marks, Expr.eq("v", 1L), Ack.COMMITTED)).isZero();
        assertThat(engine.delete(SPEC, marks, null, Ack.COMMITTED)).isEqualTo(1);
        assertThat(rows()).isEmpty();
        assertThat(engine.delete(SPEC, marks, null, Ack.COMMITTED)).isZero();
    }

    /** G58, G61: tomorrow's partition is there before its first record, empty, and takes it; who asks again makes no other. */
    @Test
    void shouldCreateAPartitionAhead() {
        assertThat(engine.createAhead(SPEC, Slot.of(TODAY))).isTrue();
        assertThat(engine.createAhead(SPEC, Slot.of(TODAY))).isFalse();
        PartitionInfo empty = only();
        assertThat(empty.id()).isEqualTo(new PartitionId("states", "", "2026-05-18", 1));
        assertThat(empty.rows()).isZero();
        assertThat(rows()).isEmpty();
        append(new Pending("a", 1, DAY));
        PartitionInfo filled = only();
        assertThat(filled.id()).isEqualTo(empty.id());
        assertThat(filled.rows()).isEqualTo(1);
        assertThat(filled.minMicros()).isLessThanOrEqualTo(micros(DAY));
        assertThat(filled.maxMicros()).isGreaterThanOrEqualTo(micros(DAY));
        assertThat(engine.createAhead(SPEC, Slot.of(TODAY))).isFalse();
    }

    @Test
    void shouldReserveNumbersOnce() {
        long first = engine.reserveSeq("states", 10);
        long second = engine.reserveSeq("states", 1);
        assertThat(first).isPositive();
        assertThat(second).isGreaterThanOrEqualTo(first + 10);
        if (reopened()) {
            assertThat(engine.reserveSeq("states", 1)).isGreaterThan(second);
        }
    }

    @Test
    void shouldRaiseTheFloorAndNeverLowerIt() {
        assertThat(engine.floorMicros("states")).isEqualTo(Long.MIN_VALUE);
        engine.raiseFloor("states", "", 1000);
        engine.raiseFloor("states", "", 500);
        assertThat(engine.floorMicros("states")).isEqualTo(1000);
        reopened();
        assertThat(engine.floorMicros("states")).isEqualTo(1000);
        engine.raiseFloor("states", "", 2000);
        assertThat(engine.floorMicros("states")).isEqualTo(2000);
    }

    @Test
    void shouldDropAPartitionThatWasGivenUp() {
        append(new Pending("a", 1, DAY.minusSeconds(1)));
        long seq = append(new Pending("b", 1, DAY), new Pending("b", 2, DAY))
                .get(0)
                .seq();
        PartitionId today = engine.partitions().get(1).id();
        assertThat(engine.droppedSeq("states")).isZero();
        assertThat(engine.closePartition(today)).isEmpty();
        assertThat(engine.partitions().get(1).state()).isEqualTo(PartitionInfo.State.CLOSED);
        engine.raiseFloor("states", "", micros(DAY) + 1);
        assertThat(engine.drop(today, "a test").blockedBy()).isEmpty();
        assertThat(engine.partitions()).hasSize(1);
        assertThat(rows()).hasSize(1);
        assertThat(engine.find(SPEC, new Object[] {"b"})).isNull();
        assertThat(engine.droppedSeq("states")).isGreaterThanOrEqualTo(seq);
        assertThat(engine.drop(today, "again").blockedBy()).isNotEmpty();
        assertThat(engine.closePartition(today)).isNotEmpty();
        // A new row of its time makes a partition of another name.
        append(new Pending("d", 1, DAY.plusSeconds(1)));
        assertThat(engine.partitions()).hasSize(2).noneMatch(p -> p.id().equals(today));
        assertThat(engine.find(SPEC, new Object[] {"d"})).isNotNull();
        reopened();
        assertThat(engine.partitions()).hasSize(2);
        assertThat(engine.droppedSeq("states")).isGreaterThanOrEqualTo(seq);
    }

    /** Drops the only partition in the order that the janitor keeps: given up, below the floor, dropped. */
    private PartitionId dropped() {
        PartitionId id = only().id();
        assertThat(engine.closePartition(id)).isEmpty();
        engine.raiseFloor("states", "", only().maxMicros() + 1);
        assertThat(engine.drop(id, "a test").blockedBy()).isEmpty();
        return id;
    }

    /** By whose clock a grace is measured is the engine's choice; an erasure does not wait for it. */
    @Test
    void shouldFreeWhatWasDroppedAtOnceForAnErasure() {
        append(new Pending("a", 1, DAY));
        PartitionId id = dropped();
        engine.purgeDropped("states");
        await("there is no more to free", () -> !engine.freeDropped());
        assertThat(engine.dropped()).isEmpty();
        assertThat(rows()).isEmpty();
        boolean undo = engine.capabilities().contains(Capability.UNDO_DROP);
        LeveeException e = refused(undo ? ErrorCode.NOT_FOUND : ErrorCode.NOT_SUPPORTED, () -> engine.restore(id));
        assertThat(undo || e.getMessage().contains(Capability.UNDO_DROP.name())).isTrue();
    }

    @Test
    void shouldBackUpOrRefuseByName(@TempDir Path directory) {
        append(new Pending("a", 1, DAY));
        BackupHelp help = new BackupHelp() {
            @Override
            public void still(Runnable body) {
                // This thread is the writer.
                body.run();
            }

            @Override
            public boolean pace(long bytes) {
                return true;
            }

            @Override
            public void done(PartitionId id, boolean copied, long bytes) {}
        };
        Path backup = directory.resolve("backup");
        if (engine.capabilities().contains(Capability.BACKUP)) {
            assertThat(engine.backup(backup, false, help).rows()).isEqualTo(1);
            assertThat(engine.backups()).extracting(BackupMark::directory).containsExactly(backup);
            return;
        }
        assertThat(refused(ErrorCode.NOT_SUPPORTED, () -> engine.backup(backup, false, help))
                        .getMessage())
                .contains(Capability.BACKUP.name());
        PartitionId id = only().id();
        assertThat(refused(ErrorCode.NOT_SUPPORTED, () -> engine.restore(id, backup))
                        .getMessage())
                .contains(Capability.BACKUP.name());
        assertThat(engine.backups()).isEmpty();
    }

    @Test
    void shouldSayWhatItIs() {
        assertThat(engine.name()).matches("[a-z]+ [0-9].*");
        assertThat(engine.address()).isNotEmpty().doesNotContain("password");
        assertThat(engine.owner())
                .containsEntry("pid", ProcessHandle.current().pid())
                .containsKeys("host", "since");
        assertThat(engine.lastShutdownClean()).as("a new store").isTrue();
        assertThat(engine.diagnose())
                .isNotEmpty()
                .noneMatch(f -> f.level() == Finding.Level.PROBLEM)
                .allMatch(f -> f.level() == Finding.Level.OK || !f.hint().isEmpty());
        assertThat(engine.memory().values()).allMatch(bytes -> bytes >= 0);
        assertThat(engine.disk().bytes()).isNotNegative();
    }

    @Test
    void shouldEndAQueryThatIsCancelledBeforeItBegins() {
        append(new Pending("a", 1, DAY));
        Execution cancelled = execution();
        cancelled.cancel(ErrorCode.CANCELLED, "a test");
        RowQuery query = new RowQuery(
                SPEC, 0, Long.MAX_VALUE, null, true, List.of(), List.of(), 5, null, List.of(SPEC.column("k")));
        refused(
                ErrorCode.CANCELLED,
                () -> engine.rows(query, cancelled, new RowSink() {
                    @Override
                    public void columns(List<String> names) {}

                    @Override
                    public boolean row(@Nullable Object[] values) {
                        cancelled.check();
                        return true;
                    }
                }));
        assertThat(rows()).hasSize(1);
    }
}
