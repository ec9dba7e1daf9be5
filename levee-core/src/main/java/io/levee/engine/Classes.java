package io.levee.engine;

import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import java.time.Duration;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The classes of a table's records: which one a row is of, which ones a filter wants, and what each partition was promised. Immutable.
 *
 * <p>Two things always hold, or rows would be missed: a partition of a named class holds rows of that value alone, since a row whose
 * value changes moves; and one of no named class holds no row of the values {@link PartitionInfo#apart}.
 */
public final class Classes {
    private final Set<String> named;
    private final int position;
    private final @Nullable String column;
    private final boolean truth;

    private Classes(TableSpec spec) {
        RetentionRule rule = spec.retention();
        this.column = rule.by();
        this.named = rule.classes().keySet();
        this.position = column == null ? -1 : spec.position(column);
        this.truth = column != null && spec.column(column).type() == ColumnType.BOOLEAN;
    }

    /** Those of a table. */
    public static Classes of(TableSpec spec) {
        return new Classes(spec);
    }

    /** Whether rows have classes at all. */
    public boolean any() {
        return column != null;
    }

    /** The classes that have partitions of their own. */
    public Set<String> named() {
        return named;
    }

    /** The class of a row by its stored values, which may end early: empty for rows of none that is named. */
    public String of(@Nullable Object[] values) {
        return position < 0 || position >= values.length ? "" : ofValue(values[position]);
    }

    /** The class of a stored value of the column. */
    public String ofValue(@Nullable Object stored) {
        String value = text(stored);
        return value != null && named.contains(value) ? value : "";
    }

    private @Nullable String text(@Nullable Object stored) {
        if (truth && stored instanceof Long number) {
            return number == 0 ? "false" : "true";
        }
        return stored == null ? null : stored.toString();
    }

    /**
     * The values of the column that rows can have which a filter lets through.
     *
     * @param where the filter over exact names and stored values, or null
     * @return the texts of the values, null among them for rows without one; null where they can have any
     */
    public @Nullable Set<@Nullable String> wanted(@Nullable Expr where) {
        if (column == null || where == null) {
            return null;
        }
        if (where instanceof Expr.Compare compare && compare.column().equals(column) && compare.op() == Expr.Op.EQ) {
            return Collections.singleton(text(compare.value()));
        }
        if (where instanceof Expr.In in && in.column().equals(column) && !in.negated()) {
            Set<@Nullable String> values = new HashSet<>();
            in.values().forEach(value -> values.add(text(value)));
            return values;
        }
        if (where instanceof Expr.IsNull test && test.column().equals(column) && !test.negated()) {
            return Collections.singleton(null);
        }
        if (where instanceof Expr.And and) {
            return all(and.parts());
        }
        return where instanceof Expr.Or or ? any(or.parts()) : null;
    }

    private @Nullable Set<@Nullable String> all(List<Expr> parts) {
        Set<@Nullable String> values = null;
        for (Expr part : parts) {
            Set<@Nullable String> some = wanted(part);
            if (some != null && values != null) {
                Set<@Nullable String> both = new HashSet<>(values);
                both.retainAll(some);
                values = both;
            } else if (some != null) {
                values = some;
            }
        }
        return values;
    }

    private @Nullable Set<@Nullable String> any(List<Expr> parts) {
        Set<@Nullable String> values = new HashSet<>();
        for (Expr part : parts) {
            Set<@Nullable String> some = wanted(part);
            if (some == null) {
                return null;
            }
            values.addAll(some);
        }
        return values;
    }

    /** The classes that new rows of wanted values are of, and those that such rows were of when their values were named. */
    public Set<String> of(Set<@Nullable String> wanted) {
        Set<String> classes = new HashSet<>();
        for (String value : wanted) {
            if (value != null) {
                classes.add(value);
            }
            if (value == null || !named.contains(value)) {
                classes.add("");
            }
        }
        return classes;
    }

    /**
     * Whether a partition may hold rows of wanted values.
     *
     * @param wanted as {@link #wanted} tells; null for any
     * @param apart as {@link PartitionInfo#apart}
     */
    public static boolean mayHold(PartitionId id, Set<String> apart, @Nullable Set<@Nullable String> wanted) {
        if (wanted == null) {
            return true;
        }
        String own = id.retentionClass();
        return own.isEmpty()
                ? wanted.stream().anyMatch(value -> value == null || !apart.contains(value))
                : wanted.contains(own);
    }

    /**
     * How long a partition is kept at least: a named class as long as it is promised, and one of no named class as long as any class
     * that it may hold rows of, since a class may be named after rows of it were written.
     *
     * @return the age; null: age does not drop it
     */
    public static @Nullable Duration age(RetentionRule rule, PartitionInfo partition) {
        String own = partition.id().retentionClass();
        Duration age = rule.ageOf(own);
        if (own.isEmpty() && age != null) {
            for (String other : rule.classes().keySet()) {
                Duration promised = rule.ageOf(other);
                if (!partition.apart().contains(other) && promised != null && promised.compareTo(age) > 0) {
                    age = promised;
                }
            }
        }
        return age;
    }
}
