package io.levee.internal.query;

import io.levee.Aggregation;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Figure;
import io.levee.internal.row.StoredOrder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Groups with figures that are merged as parts of them come in. One thread at a time; any number where it changes no more. */
final class GroupTable {
    private static final long GROUP_BYTES = 120;
    private static final long FIGURE_BYTES = 48;

    private final Fold fold;
    private final GroupRoom room;
    private final Map<List<@Nullable Object>, Group> groups = new HashMap<>();
    private long bytes;
    private boolean merging;

    /** What is known of one group. */
    static final class Group {
        private final Merged[] figures;
        private @Nullable Quantiles quantiles;
        private @Nullable DistinctValues distinct;
        private long present;

        private Group(int figures) {
            this.figures = new Merged[figures];
            for (int i = 0; i < figures; i++) {
                this.figures[i] = new Merged();
            }
        }

        Merged figure(int at) {
            return figures[at];
        }

        /** About the values of these ranks; null of none. */
        double @Nullable [] quantiles(double[] ranks) {
            Quantiles known = quantiles;
            return known == null ? null : known.at(ranks);
        }

        long distinct() {
            DistinctValues known = distinct;
            return known == null ? 0 : known.count();
        }

        /** Whether {@link #distinct} is an estimate. */
        boolean sketched() {
            DistinctValues known = distinct;
            return known != null && known.sketched();
        }

        /** How many rows have a value. */
        long present() {
            return present;
        }
    }

    /** One figure so far. Sums of reals carry their rounding errors along (Neumaier 1974). */
    static final class Merged {
        private long whole;
        private double real;
        private double rest;
        private @Nullable Object extreme;

        private void add(Figure figure, @Nullable Object part) {
            if (part == null) {
                return;
            }
            switch (figure.kind()) {
                case COUNT -> whole += (Long) part;
                case SUM_WHOLE -> addWhole((Long) part, figure);
                case SUM_REAL -> addReal(((Number) part).doubleValue());
                case MIN, MAX -> addExtreme(part, figure);
            }
        }

        private void merge(Figure figure, Merged other) {
            switch (figure.kind()) {
                case COUNT -> whole += other.whole;
                case SUM_WHOLE -> addWhole(other.whole, figure);
                case SUM_REAL -> {
                    addReal(other.real);
                    rest += other.rest;
                }
                case MIN, MAX -> addExtreme(other.extreme, figure);
            }
        }

        private void addExtreme(@Nullable Object part, Figure figure) {
            int wanted = figure.kind() == Figure.Kind.MIN ? -1 : 1;
            Object known = extreme;
            if (part != null && (known == null || Integer.signum(StoredOrder.compare(part, known)) == wanted)) {
                extreme = part;
            }
        }

        private void addWhole(long part, Figure figure) {
            try {
                whole = Math.addExact(whole, part);
            } catch (ArithmeticException e) {
                throw new LeveeException(
                                ErrorCode.LIMIT_EXCEEDED,
                                "sum("
                                        + (figure.term() == null
                                                ? ""
                                                : figure.term().name()) + ") is past the range of 64 bits",
                                e)
                        .hint("use avg, or narrow the range or the filter");
            }
        }

        private void addReal(double part) {
            double sum = real + part;
            rest += Math.abs(real) >= Math.abs(part) ? (real - sum) + part : (part - sum) + real;
            real = sum;
        }

        long whole() {
            return whole;
        }

        double real() {
            double sum = real + rest;
            return Double.isNaN(sum) ? real : sum;
        }

        @Nullable
        Object extreme() {
            return extreme;
        }
    }

    /**
     * An empty table. Where no key makes a group there is always one.
     *
     * @param room what it takes its memory of
     */
    GroupTable(Fold fold, GroupRoom room) {
        this.fold = fold;
        this.room = room;
        if (fold.keys() == 0) {
            group(List.of());
        }
    }

    private Group group(List<@Nullable Object> key) {
        Group group = groups.get(key);
        if (group == null) {
            group = new Group(fold.grouping().figures().size());
            admit(key, group);
        }
        return group;
    }

    /** Takes a group that it has not. */
    private void admit(List<@Nullable Object> key, Group group) {
        if (groups.size() >= Aggregation.MAX_GROUPS) {
            throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, "more than " + Aggregation.MAX_GROUPS + " groups")
                    .hint("group by a column of fewer values, or narrow the range or the filter");
        }
        long size = GROUP_BYTES + FIGURE_BYTES * fold.grouping().figures().size();
        for (Object value : key) {
            size += size(value);
        }
        grow(size);
        groups.put(key, group);
    }

    private void grow(long more) {
        bytes += more;
        if (merging) {
            room.keep(more);
        } else {
            room.take(more);
        }
    }

    /** Takes a part of a group: keys, then figures. */
    void add(@Nullable Object[] row) {
        int keys = fold.keys();
        List<@Nullable Object> key = new ArrayList<>(keys);
        for (int i = 0; i < keys; i++) {
            key.add(i == 0 && row[i] instanceof Long number ? clamped(number) : wrapped(row[i]));
        }
        Group group = group(key);
        int at = fold.extra() == Fold.Extra.NONE ? keys : keys + 1;
        if (at > keys) {
            sketch(group, row[keys], row[at] instanceof Long count ? count : 0);
        }
        for (int i = 0; i < group.figures.length; i++) {
            group.figures[i].add(fold.grouping().figures().get(i), row[at + i]);
        }
    }

    private Object clamped(Long number) {
        return number < fold.lowest() ? (Long) fold.lowest() : number > fold.highest() ? (Long) fold.highest() : number;
    }

    private void sketch(Group group, @Nullable Object value, long count) {
        if (value == null) {
            return;
        }
        switch (fold.extra()) {
            case QUANTILES -> grow(quantiles(group).add((Long) value, count));
            case DISTINCT -> {
                group.present += count;
                grow(distinct(group).add(Objects.requireNonNull(wrapped(value))));
            }
            case PRESENT -> group.present += count;
            case NONE -> throw new IllegalStateException();
        }
    }

    private static Quantiles quantiles(Group group) {
        Quantiles there = group.quantiles;
        if (there == null) {
            there = new Quantiles();
            group.quantiles = there;
        }
        return there;
    }

    private static DistinctValues distinct(Group group) {
        DistinctValues there = group.distinct;
        if (there == null) {
            there = new DistinctValues();
            group.distinct = there;
        }
        return there;
    }

    /**
     * Takes all that another table of the same fold has, and leaves that as it is. Never for want of room in the middle of it: what comes next
     * is refused.
     */
    void merge(GroupTable other) {
        merging = true;
        other.groups.forEach((key, theirs) -> {
            Group group = group(key);
            mergeFigures(group, theirs);
            group.present += theirs.present;
            Quantiles quantiles = theirs.quantiles;
            if (quantiles != null) {
                grow(quantiles(group).merge(quantiles));
            }
            DistinctValues distinct = theirs.distinct;
            if (distinct != null) {
                grow(distinct(group).merge(distinct));
            }
        });
        merging = false;
    }

    /** The same where nobody else uses the other one any more, now or later: its groups become those of this one. */
    void absorb(GroupTable other) {
        if (fold.extra() != Fold.Extra.NONE) {
            merge(other);
            return;
        }
        merging = true;
        other.groups.forEach((key, theirs) -> {
            Group group = groups.get(key);
            if (group == null) {
                admit(key, theirs);
            } else {
                mergeFigures(group, theirs);
            }
        });
        merging = false;
    }

    private void mergeFigures(Group group, Group theirs) {
        for (int i = 0; i < group.figures.length; i++) {
            group.figures[i].merge(fold.grouping().figures().get(i), theirs.figures[i]);
        }
    }

    /** A value as a key of a map: arrays are equal only to themselves, and there are two zeros. */
    private static @Nullable Object wrapped(@Nullable Object value) {
        if (value instanceof byte[] bytes) {
            return ByteBuffer.wrap(bytes);
        }
        return value instanceof Double real && real == 0 ? (Object) 0.0 : value;
    }

    private static @Nullable Object unwrapped(@Nullable Object value) {
        if (value instanceof ByteBuffer bytes) {
            byte[] copy = new byte[bytes.remaining()];
            bytes.duplicate().get(copy);
            return copy;
        }
        return value;
    }

    /** Bytes that a value takes, about. */
    static long size(@Nullable Object value) {
        if (value instanceof String text) {
            return 48L + text.length();
        }
        return value instanceof ByteBuffer blob ? 64L + blob.remaining() : 24;
    }

    /** Bytes that it takes, about. */
    long bytes() {
        return bytes;
    }

    /** How many groups. */
    int size() {
        return groups.size();
    }

    /** Whether any group's number of different values is an estimate. */
    boolean anySketched() {
        return groups.values().stream().anyMatch(Group::sketched);
    }

    /** A group by its keys, as {@link #forEach} gives them; null where there is none. */
    @Nullable
    Group get(List<@Nullable Object> plainKey) {
        List<@Nullable Object> key = new ArrayList<>(plainKey.size());
        plainKey.forEach(value -> key.add(wrapped(value)));
        return groups.get(key);
    }

    /** The groups, in no order, by their keys in stored form. */
    void forEach(BiConsumer<List<@Nullable Object>, Group> taker) {
        groups.forEach((key, group) -> {
            List<@Nullable Object> plain = new ArrayList<>(key.size());
            key.forEach(value -> plain.add(unwrapped(value)));
            taker.accept(plain, group);
        });
    }
}
