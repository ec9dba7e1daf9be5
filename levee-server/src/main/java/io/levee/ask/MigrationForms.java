package io.levee.ask;

import io.levee.Migration;
import io.levee.MigrationPlan;
import io.levee.MigrationStatus;
import io.levee.Store;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Migrations in their JSON form, the same over HTTP and on the command line. */
public final class MigrationForms {
    private MigrationForms() {}

    /**
     * How far they are: {@code migrations[], running, paused, settled}.
     *
     * @param which those wanted
     */
    public static Map<String, @Nullable Object> of(Store store, Predicate<MigrationStatus> which) {
        boolean settled = settled(store);
        List<MigrationStatus> all = store.migrations();
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put(
                "migrations",
                all.stream().filter(which).map(MigrationStatus::toMap).toList());
        map.put("running", all.stream().anyMatch(m -> m.state() == MigrationStatus.State.RUNNING));
        map.put("paused", store.migrationsPaused());
        map.put("settled", settled);
        return map;
    }

    /** Whether nothing more happens by itself; of a store that is only read, as its writer's states tell it. */
    private static boolean settled(Store store) {
        if (!store.readOnly()) {
            return store.awaitMigrations(Duration.ZERO);
        }
        return store.migrations().stream().noneMatch(m -> switch (m.state()) {
            case PENDING, RUNNING -> true;
            case PAUSED, INTERRUPTED, FAILED, DONE -> false;
        });
    }

    /**
     * A plan: {@code migrations[], needsApproval}. Each has what its status has, and what it would do; of one that was never declared {@code
     * rowsTotal} and {@code etaSeconds} are what is expected.
     */
    public static Map<String, @Nullable Object> of(MigrationPlan plan, List<MigrationStatus> declared) {
        Map<String, MigrationStatus> known = new LinkedHashMap<>();
        declared.forEach(status -> known.put(status.id(), status));
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put(
                "migrations",
                plan.steps().stream()
                        .map(step -> {
                            Map<String, @Nullable Object> one = status(step, known.get(step.id()));
                            step.toMap().forEach(one::putIfAbsent);
                            return one;
                        })
                        .toList());
        map.put("needsApproval", plan.needsApproval());
        return map;
    }

    private static Map<String, @Nullable Object> status(MigrationPlan.Step step, @Nullable MigrationStatus status) {
        if (status != null) {
            return new LinkedHashMap<>(status.toMap());
        }
        Duration expected = step.expected();
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("id", step.id());
        map.put("status", step.state().text());
        map.put("rowsDone", 0L);
        map.put("rowsTotal", step.rows());
        map.put("rate", 0.0);
        map.put("etaSeconds", expected == null ? null : expected.toMillis() / 1000.0);
        map.put("error", null);
        return map;
    }

    /** The body that declares them: {@code migrations[]}. */
    public static Map<String, Object> body(List<Migration> migrations) {
        return Map.of("migrations", migrations.stream().map(Migration::toMap).toList());
    }
}
