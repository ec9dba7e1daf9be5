package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Gap;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.engine.Capability;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.TestReporter;

/** What the topics of adoption and splitting share. */
abstract class OldTopic extends Conformance {
    /** A splitting on a machine that does much besides. */
    private static final Duration PATIENCE = Duration.ofSeconds(150);

    /** A store from a backup, or whose catalog was lost, says that it may lack something. */
    private static final Set<LossReason> MADE_ANEW = Set.of(LossReason.RESTORED, LossReason.CATALOG_REBUILT);

    OldTopic(EngineConformance kit) {
        super(kit);
    }

    /** A new older database; null for an engine that adopts nothing, once it was proved that it says so. */
    final @Nullable OldDatabase old(TestReporter reporter) {
        OldDatabase old = engine().oldDatabase();
        if (old == null) {
            Store store = newStore();
            store.createTable(OldTables.checks().build());
            assertThat(has(
                            store,
                            Capability.ADOPTION,
                            reporter,
                            () -> store.adopt("checks", Adoption.of(Path.of("none.db"), "old"))))
                    .isFalse();
        }
        return old;
    }

    final Splittings splittings() {
        return Objects.requireNonNull(engine().splittings());
    }

    /** Opens a store whose splittings are in the test's hands; closed after the test, too. */
    final Store splitting(String address, int rows, Consumer<String> at) {
        return splitting(address, rows, at, o -> {});
    }

    final Store splitting(String address, int rows, Consumer<String> at, Consumer<StoreOptions.Builder> options) {
        return closing(splittings().open(address, rows, at, usual(options)));
    }

    /** Waits until the store's only splitting is in a state. */
    static SplitStatus await(Store store, SplitStatus.State state) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            List<SplitStatus> splits = store.splits();
            assertThat(splits).hasSize(1);
            if (splits.get(0).state() == state) {
                return splits.get(0);
            }
            assertThat(System.nanoTime() - end)
                    .as("%s within %s: %s", state, PATIENCE, splits)
                    .isNegative();
            LockSupport.parkNanos(5_000_000);
        }
    }

    static PartitionId adopted(Store store) {
        return store.adopted().get(0).partition();
    }

    static long count(Store store, String table) {
        return store.count(Query.builder(table).build());
    }

    /** The number of each row and its time: each number there once. */
    static Map<Long, Long> numbers(Store store, String table) {
        Map<Long, Long> numbers = new HashMap<>();
        try (Result<Row> rows = store.query(Query.builder(table).newestFirst().build())) {
            rows.forEach(row -> assertThat(numbers.put(row.seq(), row.time().toEpochMilli()))
                    .isNull());
        }
        return numbers;
    }

    /** Columns of a query's rows as lists; times in seconds, as {@link OldDatabase#seconds} gives them. Nothing is missing. */
    static List<List<@Nullable Object>> rows(Store store, Query query, String... columns) {
        List<List<@Nullable Object>> rows = new ArrayList<>();
        try (Result<Row> result = store.query(query)) {
            result.forEach(row -> {
                List<@Nullable Object> values = new ArrayList<>();
                for (String column : columns) {
                    Object value = row.get(column);
                    values.add(value instanceof Instant time ? (Object) (time.toEpochMilli() / 1000.0) : value);
                }
                rows.add(values);
            });
            assertThat(result.coverage().gaps()).extracting(Gap::reason).allMatch(MADE_ANEW::contains);
        }
        return rows;
    }

    /** Something that is done once some rows have moved. */
    final AtPoint once(Runnable action) {
        AtomicBoolean done = new AtomicBoolean();
        return new AtPoint(point -> {
            if (point.equals(splittings().moved()) && done.compareAndSet(false, true)) {
                action.run();
            }
        });
    }

    /** Something that a splitting's thread does at its points; what it throws is the test's failure. */
    static final class AtPoint implements Consumer<String> {
        private final AtomicReference<@Nullable Throwable> failed = new AtomicReference<>();
        private final Consumer<String> action;

        AtPoint(Consumer<String> action) {
            this.action = action;
        }

        @Override
        public void accept(String point) {
            attempt(() -> action.accept(point));
        }

        /** Runs something, on whichever thread; what it throws is the test's failure. */
        void attempt(Runnable other) {
            try {
                other.run();
            } catch (Throwable e) {
                failed.compareAndSet(null, e);
            }
        }

        void requireNoFailure() {
            assertThat(failed.get()).isNull();
        }
    }
}
