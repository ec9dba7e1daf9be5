package io.levee.engine;

/**
 * Where new rows of a table go: the partitions of one period and one class of records.
 *
 * @param period the period that their event time is in
 * @param retentionClass the class, as in {@link io.levee.PartitionId#retentionClass}; empty for rows of none that is named
 */
public record Slot(Period period, String retentionClass) {
    /** Those of the rows of no named class. */
    public static Slot of(Period period) {
        return new Slot(period, "");
    }

    /** The period's name, and the class where it is a named one: what names of partitions begin with. */
    public String name() {
        return retentionClass.isEmpty() ? period.name() : period.name() + "." + ClassName.encode(retentionClass);
    }

    /** Whether it is that of a partition, whatever its number. */
    public boolean holds(io.levee.PartitionId id) {
        return id.period().equals(period.name()) && id.retentionClass().equals(retentionClass);
    }
}
