package io.levee.testkit;

import java.security.SecureRandom;
import org.jspecify.annotations.Nullable;

/**
 * Checks something for many generated inputs, on plain JUnit. A failure names its seed, {@code -Dlevee.seed=N} runs that one
 * trial again, and {@code -Dlevee.trials=N} overrules the number of trials.
 *
 * <pre>{@code
 * Property.check("reads back what was written", 200, gen -> {
 *     List<Integer> written = gen.list(0, () -> gen.between(0, 9));
 *     …
 * });
 * }</pre>
 */
public final class Property {
    private static final int SIZE = 64;
    private static final SecureRandom SEEDS = new SecureRandom();

    private Property() {}

    /** One trial. */
    @FunctionalInterface
    public interface Trial {
        /**
         * Draws an input and checks it.
         *
         * @throws Exception (or an {@link AssertionError}) where it does not hold
         */
        void run(Gen gen) throws Exception;
    }

    /**
     * Runs trials of growing size, each with a new seed. The first that fails is run again with half the size, and half of
     * that, as long as it keeps failing.
     *
     * @param name what holds, for the message
     * @param trials how many
     * @param trial one trial
     * @throws AssertionError with the seed and the size of the smallest failure, that failure as its cause, and the first one suppressed
     *     in it
     */
    public static void check(String name, int trials, Trial trial) {
        Long replayed = Long.getLong("levee.seed");
        if (replayed != null) {
            once(name, replayed, Integer.getInteger("levee.size", SIZE), trial);
            return;
        }
        int count = Integer.getInteger("levee.trials", trials);
        for (int i = 1; i <= count; i++) {
            once(name, SEEDS.nextLong(), Math.max(2, SIZE * i / count), trial);
        }
    }

    private static void once(String name, long seed, int size, Trial trial) {
        Throwable first = failure(seed, size, trial);
        if (first == null) {
            return;
        }
        Throwable failure = first;
        int smallest = size;
        for (int smaller = size / 2; smaller >= 1; smaller /= 2) {
            Throwable again = failure(seed, smaller, trial);
            if (again == null) {
                break;
            }
            failure = again;
            smallest = smaller;
        }
        if (failure != first) {
            // Trials that share a store leave something behind: then only the first one tells what was wrong.
            failure.addSuppressed(first);
        }
        throw new AssertionError(
                "'" + name + "' does not hold (-Dlevee.seed=" + seed + " -Dlevee.size=" + smallest + " runs it again): "
                        + failure.getMessage(),
                failure);
    }

    private static @Nullable Throwable failure(long seed, int size, Trial trial) {
        try {
            trial.run(new Gen(seed, size));
            return null;
        } catch (Exception | AssertionError e) {
            return e;
        }
    }
}
