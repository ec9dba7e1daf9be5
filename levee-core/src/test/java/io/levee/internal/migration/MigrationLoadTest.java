package io.levee.internal.migration;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ColumnType;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.SliceOutcome;
import io.levee.engine.StorageEngine;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.write.Latency;
import java.lang.reflect.Proxy;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** A backfill leaves the writer alone at twice its idle p99 and stops at eight times, slice by slice, by a clock of the test's (design 8). */
class MigrationLoadTest {
    private static final long MILLI = 1_000_000;
    private static final PartitionId PART = new PartitionId("jobs", "", "2026-05-20", 1);

    private final Latency latency = new Latency();
    private final AtomicLong now = new AtomicLong();
    /** How long records take while each slice works, in milliseconds. */
    private final List<Integer> writer;
    /** What happened, in order. */
    private final List<String> events = new ArrayList<>();

    private int slices;

    MigrationLoadTest() {
        this.writer = List.of(100, 150, 300, 300, 150, 1500, 100, 100);
    }

    private void written(long millis, long length) {
        for (int i = 0; i < 300; i++) {
            latency.took(millis * MILLI);
        }
        now.addAndGet(length * MILLI);
    }

    private Object called(String method) {
        return switch (method) {
            case "migrations" -> List.of();
            case "migrationsPaused" -> false;
            case "migrationParts" -> slices < writer.size() ? List.of(PART) : List.of();
            case "partitions" -> List.of();
            case "migrate" -> {
                written(writer.get(slices), 300);
                events.add("slice");
                slices++;
                yield new SliceOutcome(10, 10, 10L * slices, slices == writer.size(), 1, "");
            }
            case "putMigration" -> "";
            default -> throw new AssertionError(method);
        };
    }

    @Test
    void shouldPauseAtTwiceTheIdleFigureAndStopAtEightTimes() throws Exception {
        StorageEngine engine = (StorageEngine) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {StorageEngine.class}, (proxy, method, arguments) -> {
                    Object answer = called(method.getName());
                    return method.getReturnType() == void.class ? null : answer;
                });
        TableSpec spec = TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("size", ColumnType.INTEGER)
                .time("at")
                .build();
        Registry registry = new Registry(engine, Clock.systemUTC());
        Live live = registry.add(
                new Migration("m", "jobs", MigrationStep.Backfill.of("size", "7")), edit -> edit.applied = true, null);
        LoadSignal load = new LoadSignal(latency, now::get);
        written(100, 1000);
        load.idle();
        MigrationRun.Parts parts = new MigrationRun.Parts(
                engine, null, table -> spec, registry, load, (s, values, time, seq) -> null, now::get);
        CompletableFuture<MigrationRecord> ended = new CompletableFuture<>();
        Supervisor supervisor = new Supervisor();
        supervisor.start("levee-migrate", task -> {
            try {
                new MigrationRun(parts, live, task, () -> false, length -> {
                            String note = live.status(false, true, now.get()).note();
                            events.add(
                                    "pause " + length.toMillis() + (note.contains("the writer is slow") ? "" : note));
                            // What the writer has to catch up with.
                            written(length.toMillis() < 1000 ? 300 : 100, length.toMillis());
                        })
                        .run();
                ended.complete(live.record());
            } catch (Throwable e) {
                ended.completeExceptionally(e);
            }
        });
        assertThat(ended.get(60, TimeUnit.SECONDS).state()).isEqualTo(State.DONE);
        supervisor.stop();
        assertThat(events)
                .containsExactly(
                        "slice",
                        "slice",
                        "slice",
                        "pause 50",
                        "slice",
                        "pause 100",
                        "slice",
                        "slice",
                        "pause 2500",
                        "pause 2500",
                        "slice",
                        "slice");
        assertThat(Duration.ofNanos(now.get())).isLessThan(Duration.ofSeconds(20));
    }
}
