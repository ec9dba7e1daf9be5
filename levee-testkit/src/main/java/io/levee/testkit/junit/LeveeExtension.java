package io.levee.testkit.junit;

import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.Store;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.time.Instant;
import java.util.Objects;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives a test method (and the {@code @BeforeEach} and {@code @AfterEach} methods around it) a {@link Store} in memory and the
 * {@link ManualClock} that it goes by. Both are new for each test and shared within it; the store is closed after the test.
 *
 * <pre>{@code
 * @ExtendWith(LeveeExtension.class)
 * class LoginHistoryTest {
 *     record Login(@Time Instant at, String user) {}
 *
 *     @Test
 *     void shouldForgetAfterThirtyDays(Store store, ManualClock clock) {
 *         Table<Login> logins = store.table(Login.class, t -> t.keepFor(Duration.ofDays(30)));
 *         logins.append(new Login(clock.instant(), "ann"), Ack.COMMITTED).join();
 *         clock.advance(Duration.ofDays(31));
 *         store.applyRetention(store.planRetention());
 *         assertThat(logins.query().count()).isZero();
 *     }
 * }
 * }</pre>
 *
 * <p>The clock starts at {@link #START} and stands still until it is advanced. Deadlines and timeouts go on by real time.
 * Thread-safe: tests may run in parallel, each has its own store.
 */
public final class LeveeExtension implements ParameterResolver, AfterEachCallback {
    /** What the clock shows at the start of each test. */
    public static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    private static final ExtensionContext.Namespace NAMESPACE = ExtensionContext.Namespace.create(LeveeExtension.class);

    /** Registered with {@code @ExtendWith(LeveeExtension.class)}. */
    public LeveeExtension() {}

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        // A constructor or a @BeforeAll method is called outside of any one test, and nothing here outlives one.
        Executable of = parameter.getDeclaringExecutable();
        return of instanceof Method && context.getTestMethod().isPresent() && isOurs(parameter);
    }

    private static boolean isOurs(ParameterContext parameter) {
        Class<?> type = parameter.getParameter().getType();
        return type == Store.class || type == ManualClock.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        ExtensionContext.Store kept = context.getStore(NAMESPACE);
        ManualClock clock = Objects.requireNonNull(
                kept.computeIfAbsent(ManualClock.class, type -> new ManualClock(START), ManualClock.class));
        return parameter.getParameter().getType() == ManualClock.class
                ? clock
                : Objects.requireNonNull(kept.computeIfAbsent(Store.class, type -> Levee.inMemory(clock), Store.class));
    }

    @Override
    public void afterEach(ExtensionContext context) {
        Store store = context.getStore(NAMESPACE).get(Store.class, Store.class);
        if (store != null) {
            store.close();
        }
    }
}
