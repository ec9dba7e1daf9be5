package io.levee;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a record type does not say about its table. Not thread-safe. */
public final class TableOptions {
    private @Nullable String name;
    private PartitionBy partitionBy = PartitionBy.AUTO;
    private RetentionRule retention = RetentionRule.KEEP_ALL;
    private final List<String[]> indexes = new ArrayList<>();

    private final List<RollupSpec> rollups = new ArrayList<>();
    private final List<Adoption> adoptions = new ArrayList<>();

    TableOptions() {}

    /** The table's name; by default the type's name in snake case. */
    public TableOptions name(String tableName) {
        name = tableName;
        return this;
    }

    /** How much time one partition covers. */
    public TableOptions partitionBy(PartitionBy by) {
        partitionBy = by;
        return this;
    }

    /** Keeps rows at least this long; by default for ever. */
    public TableOptions keepFor(Duration age) {
        retention = retention.toBuilder().maxAge(age).build();
        return this;
    }

    /** Drops the oldest closed partitions while the table is larger. */
    public TableOptions keepWithin(Bytes bytes) {
        retention = retention.toBuilder().maxBytes(bytes).build();
        return this;
    }

    /**
     * Keeps the newest rows, and drops those before them.
     *
     * @param rows how many
     * @param columns columns, named as the table's, whose values each keep so many; none: the newest of the table as a whole
     */
    public TableOptions keepNewest(long rows, String... columns) {
        retention = retention.toBuilder().keepNewest(rows, columns).build();
        return this;
    }

    /** Keeps all rows for ever, on purpose: then status does not warn about it. Not together with a bound. */
    public TableOptions keepForEver() {
        retention = retention.toBuilder().unbounded().build();
        return this;
    }

    /** Says how long, or how much, is kept, in place of what was said before. */
    public TableOptions retention(RetentionRule rule) {
        retention = rule;
        return this;
    }

    /** Adds an index over record components. */
    public TableOptions index(String... components) {
        indexes.add(components.clone());
        return this;
    }

    /** Keeps figures of partitions when they are dropped; its columns are named as the table's: {@code state, runtime_ms}. */
    public TableOptions rollup(RollupSpec rollup) {
        rollups.add(rollup);
        return this;
    }

    /** Takes an older database over when the table is opened first; see {@link Store#adopt}. One that is not there is left out. */
    public TableOptions adopt(Adoption adoption) {
        adoptions.add(adoption);
        return this;
    }

    List<Adoption> adoptions() {
        return adoptions;
    }

    @Nullable
    String name() {
        return name;
    }

    PartitionBy partitionBy() {
        return partitionBy;
    }

    RetentionRule retention() {
        return retention;
    }

    List<String[]> indexes() {
        return indexes;
    }

    List<RollupSpec> rollups() {
        return rollups;
    }
}
