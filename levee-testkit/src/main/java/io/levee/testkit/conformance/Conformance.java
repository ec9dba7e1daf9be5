package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.testkit.ChildJvm;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.TestReporter;

/** What the topics share: stores that are closed after each test, and short ways to append, read and be refused. */
abstract class Conformance {
    /** What the clock of every store shows at first. */
    static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");

    private static final List<String> CHILD_JVM = List.of("-Xmx160m");

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    final ManualClock clock = new ManualClock(NOW);
    private final EngineConformance kit;
    private final List<Store> opened = new ArrayList<>();

    Conformance(EngineConformance kit) {
        this.kit = kit;
    }

    @AfterEach
    final void closeStores() {
        for (int i = opened.size() - 1; i >= 0; i--) {
            opened.get(i).close();
        }
        opened.clear();
    }

    /** Has a store closed after the test. */
    final Store closing(Store store) {
        opened.add(store);
        return store;
    }

    final EngineUnderTest engine() {
        return kit.engine();
    }

    /** A new store of the engine under test. */
    final Store newStore() {
        return open(engine().newStore(), false);
    }

    final Store open(String address, boolean readOnly) {
        return open(address, readOnly, o -> {});
    }

    final Store open(String address, boolean readOnly, Consumer<StoreOptions.Builder> options) {
        return closing(engine().open(address, readOnly, usual(options)));
    }

    /** The options of a kit's store, and what a test needs to differ. */
    final Consumer<StoreOptions.Builder> usual(Consumer<StoreOptions.Builder> options) {
        return o -> {
            o.clock(clock).memory(Bytes.mebi(64)).queryThreads(2);
            options.accept(o);
        };
    }

    /** A new store of the reference engine. */
    final Store newOracle() {
        return closing(Levee.inMemory(clock));
    }

    static Row row(TableSpec spec, @Nullable Object... namesAndValues) {
        RowBuilder row = Row.of(spec);
        for (int i = 0; i < namesAndValues.length; i += 2) {
            row.set(String.valueOf(namesAndValues[i]), namesAndValues[i + 1]);
        }
        return row.build();
    }

    /** Appends a batch that has to be taken as it is, and waits until it is committed. */
    static BatchReceipt append(Table<Row> table, List<Row> rows) {
        BatchReceipt receipt = table.appendAll(rows, Ack.COMMITTED).join();
        assertThat(receipt.rejected()).isEmpty();
        assertThat(receipt.lost()).isZero();
        assertThat(receipt.stored() + receipt.updated()).isEqualTo(rows.size());
        return receipt;
    }

    static BatchReceipt append(Table<Row> table, Row... rows) {
        return append(table, List.of(rows));
    }

    /** The rows of a query as maps that are equal by value. */
    static List<Map<String, @Nullable Object>> read(Store store, Query query) {
        try (Result<Row> rows = store.query(query)) {
            List<Map<String, @Nullable Object>> read = new ArrayList<>();
            rows.forEach(row -> read.add(plain(row)));
            return read;
        }
    }

    /** One column of a query's rows. */
    static List<@Nullable Object> read(Store store, Query query, String column) {
        return read(store, query).stream().map(row -> row.get(column)).toList();
    }

    static Map<String, @Nullable Object> plain(Row row) {
        Map<String, @Nullable Object> plain = new LinkedHashMap<>();
        row.toMap().forEach((name, value) -> plain.put(name, plain(value)));
        return plain;
    }

    /** A value that is equal by value. */
    static @Nullable Object plain(@Nullable Object value) {
        return value instanceof byte[] bytes ? "0x" + HexFormat.of().formatHex(bytes) : value;
    }

    /** All rows, oldest first, with their details. */
    static Query all(TableSpec spec) {
        return Query.builder(spec.name()).oldestFirst().details().build();
    }

    /** The error that a call, or the future it waits for, has to end with. */
    static LeveeException refused(ErrorCode code, ThrowingCallable call) {
        Throwable thrown = catchThrowableOfType(Throwable.class, call);
        if (thrown instanceof CompletionException wrapped && wrapped.getCause() != null) {
            thrown = wrapped.getCause();
        }
        assertThat(thrown).isInstanceOf(LeveeException.class);
        LeveeException error = (LeveeException) thrown;
        assertThat(error.code()).as(error.getMessage()).isEqualTo(code);
        return error;
    }

    /** Whether the engine has a capability; where it lacks it, proves that its use is refused by name, and reports it. */
    static boolean has(Store store, Capability capability, TestReporter reporter, ThrowingCallable use) {
        if (store.capabilities().contains(capability)) {
            return true;
        }
        assertThat(refused(ErrorCode.NOT_SUPPORTED, use).getMessage()).contains(capability.name());
        reportLack(store, capability, reporter);
        return false;
    }

    static void reportLack(Store store, Capability capability, TestReporter reporter) {
        reporter.publishEntry("capability", store.status().engine() + " lacks " + capability);
    }

    /** A JVM with the main class {@link ChildStore}, to be killed. */
    final ChildJvm child() {
        List<String> options = new ArrayList<>(CHILD_JVM);
        options.addAll(engine().childJvmOptions());
        return ChildJvm.start(options, ChildStore.class);
    }

    /** Opens a store whose writer was killed: a server may need a moment to notice that its client is gone. */
    static <T> T openAfterKill(Supplier<T> opening) {
        List<T> opened = new ArrayList<>();
        await("the lock of the killed writer is free", () -> {
            try {
                opened.add(opening.get());
                return true;
            } catch (LeveeException e) {
                assertThat(e.code()).isEqualTo(ErrorCode.STORE_LOCKED);
                return false;
            }
        });
        return opened.get(0);
    }

    /** Waits for a condition that other threads bring about. */
    static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end)
                    .as("%s within %s", what, PATIENCE)
                    .isNegative();
            LockSupport.parkNanos(5_000_000);
        }
    }
}
