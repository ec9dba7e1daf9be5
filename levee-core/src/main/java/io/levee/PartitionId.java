package io.levee;

import io.levee.engine.ClassName;
import java.util.Comparator;

/**
 * Which partition: a table's rows of one period, one retention class, and a number where a period has several.
 *
 * @param table the table
 * @param retentionClass the class of records with a promise of its own; empty for the default
 * @param period the period's name, such as {@code 2026-05-20}, {@code 2026-05-20T14}, {@code 2026-W21}, {@code all}
 * @param n 1 for the first of a period
 */
public record PartitionId(String table, String retentionClass, String period, int n)
        implements Comparable<PartitionId> {
    private static final Comparator<PartitionId> ORDER = Comparator.comparing(PartitionId::table)
            .thenComparing(PartitionId::period)
            .thenComparing(PartitionId::retentionClass)
            .thenComparingInt(PartitionId::n);

    @Override
    public int compareTo(PartitionId other) {
        return ORDER.compare(this, other);
    }

    /**
     * {@code invocations/2026-05-20}, {@code invocations/2026-05-20.2} or {@code invocations/2026-05-20.FAILURE.2}; a class that is no
     * plain word is encoded.
     */
    @Override
    public String toString() {
        String name = table + "/" + period + (retentionClass.isEmpty() ? "" : "." + ClassName.encode(retentionClass));
        return n == 1 ? name : name + "." + n;
    }
}
