package io.levee.testkit;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;

/** Draws the values of one trial of a {@link Property}: the same seed and size give the same values. Not thread-safe. */
public final class Gen {
    private final SplittableRandom random;
    private final int size;

    Gen(long seed, int size) {
        this.random = new SplittableRandom(seed);
        this.size = size;
    }

    /** How long a generated sequence may be; shrinking halves it. */
    public int size() {
        return size;
    }

    /** A number from {@code low} to {@code high}, both included. */
    public int between(int low, int high) {
        return random.nextInt(low, high + 1);
    }

    /** A number from {@code low} to {@code high}, both included. */
    public long between(long low, long high) {
        return random.nextLong(low, high + 1);
    }

    /** Any 64 bits. */
    public long bits() {
        return random.nextLong();
    }

    /** A number from 0 (included) to 1 (excluded). */
    public double fraction() {
        return random.nextDouble();
    }

    /** True once in {@code n} times. */
    public boolean oneIn(int n) {
        return random.nextInt(n) == 0;
    }

    /** One of these. */
    @SafeVarargs
    @SuppressWarnings("varargs") // The array is only read.
    public final <T> T of(T... choices) {
        return choices[random.nextInt(choices.length)];
    }

    /** One of these. */
    public <T> T of(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }

    /** From {@code least} elements to {@link #size}, each drawn from the supplier. */
    public <T> List<T> list(int least, Supplier<T> element) {
        int length = between(least, Math.max(least, size));
        List<T> list = new ArrayList<>(length);
        for (int i = 0; i < length; i++) {
            list.add(element.get());
        }
        return list;
    }
}
