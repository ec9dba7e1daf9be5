package io.levee.postgres;

import io.levee.Adoption;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.internal.adopt.ForeignTimes;
import io.levee.internal.adopt.MovedRows;
import io.levee.internal.adopt.SplitState;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A table of somebody else in the same database that is read as a partition. Immutable but for whether it is there.
 */
final class Adopted {
    private final PartitionId id;
    private final Adoption adoption;
    private final ForeignTable.Name source;
    private final Facts facts;
    private final boolean overridable;
    private final boolean splittable;
    private final long baseBefore;
    private final @Nullable SplitState split;
    private volatile boolean missing;

    /**
     * What was found out about it.
     *
     * @param number its column of row numbers; null: rows are numbered by where they lie
     * @param base what is taken from its row numbers
     * @param rowsEstimate about how many rows it has
     * @param timeIndexed whether an index begins with its time
     * @param timeless whether it may have rows without a time that can be read: they count as of 1970
     * @param minMicros no row that has a time is older; {@link Long#MIN_VALUE} where unknown
     * @param maxMicros no row is newer; {@link Long#MAX_VALUE} where unknown
     * @param bytes what it takes on the server's disk
     * @param stamp {@link ForeignTable#stamp} when it was looked at
     */
    record Facts(
            @Nullable String number,
            long base,
            long rowsEstimate,
            boolean timeIndexed,
            boolean timeless,
            long minMicros,
            long maxMicros,
            long bytes,
            String stamp) {
        /** Of one that was not looked at yet. */
        static final Facts UNKNOWN = new Facts(null, 0, 1, false, true, Long.MIN_VALUE, Long.MAX_VALUE, 0, "");

        /** No row is older, those without a time included. */
        long oldestMicros() {
            return timeless && rangeKnown() ? Math.min(minMicros, ForeignTimes.NO_TIME_MICROS) : minMicros;
        }

        boolean rangeKnown() {
            return minMicros != Long.MIN_VALUE && maxMicros != Long.MAX_VALUE;
        }
    }

    /**
     * An adopted table.
     *
     * @param adoption with the table's whole name
     */
    Adopted(PartitionId id, Adoption adoption, Facts facts) {
        this(id, adoption, facts, true, true, 0, null);
    }

    /**
     * An adopted table.
     *
     * @param overridable whether the catalog keeps which of its rows were written again: one of an older release does not
     * @param splittable whether it keeps which of them have moved
     * @param baseBefore what is taken from the row numbers of the one adopted before it
     * @param split how far its splitting is; null where none was begun
     */
    Adopted(
            PartitionId id,
            Adoption adoption,
            Facts facts,
            boolean overridable,
            boolean splittable,
            long baseBefore,
            @Nullable SplitState split) {
        this.splittable = splittable;
        this.baseBefore = baseBefore;
        this.split = split;
        this.overridable = overridable;
        this.id = id;
        this.adoption = adoption;
        this.source = ForeignTable.Name.parse(adoption.source(), "public");
        this.facts = facts;
    }

    PartitionId id() {
        return id;
    }

    Adoption adoption() {
        return adoption;
    }

    Facts facts() {
        return facts;
    }

    /** The same with what is known now. */
    Adopted with(Facts now) {
        return new Adopted(id, adoption, now, overridable, splittable, baseBefore, split);
    }

    /** The same with its splitting so far. */
    Adopted with(@Nullable SplitState now) {
        return new Adopted(id, adoption, facts, overridable, splittable, baseBefore, now);
    }

    /** Whether it may be split: see {@link SplitCatalog}. */
    boolean splittable() {
        return splittable;
    }

    /** Whether its splitting was begun. */
    boolean split() {
        return split != null;
    }

    /** How far its splitting is, as far as this process knows; null where none was begun. */
    @Nullable
    SplitState splitting() {
        return split;
    }

    /** What has moved as far as this process knows. */
    MovedRows moved() {
        return split == null ? MovedRows.NONE : split.moved();
    }

    /** The least of our numbers that its rows may have. */
    long leastSeq() {
        return -facts.base;
    }

    /** A number above all those. */
    long endSeq() {
        return -baseBefore;
    }

    /** Whether one of our numbers is of a row of it, moved or not. */
    boolean holds(long seq) {
        return seq >= leastSeq() && seq < endSeq();
    }

    /** Whether rows of it may have been written again: see {@link AdoptedOverrides}. */
    boolean overridable() {
        return overridable;
    }

    ForeignTable.Name source() {
        return source;
    }

    /** Its table of details, in the source's schema unless it says another; null where none was named. */
    ForeignTable.@Nullable Name details() {
        String details = adoption.details();
        return details == null ? null : ForeignTable.Name.parse(details, source.schema());
    }

    /** Whether the catalog says the same of both. */
    boolean same(Adopted other) {
        return id.equals(other.id)
                && adoption.equals(other.adoption)
                && facts.equals(other.facts)
                && overridable == other.overridable
                && splittable == other.splittable
                && Objects.equals(split, other.split);
    }

    /** Whether it was not there when it was last looked for. */
    boolean missing() {
        return missing;
    }

    void missing(boolean now) {
        missing = now;
    }

    /** Whether it holds nothing of a range, if nobody has written to it since it was looked at. */
    boolean outside(long fromMicros, long toMicros) {
        return facts.rangeKnown() && (facts.oldestMicros() >= toMicros || facts.maxMicros < fromMicros);
    }

    /** Whether rows without a time may be among those of a range. */
    boolean noTimes(long fromMicros, long toMicros) {
        return facts.timeless && fromMicros <= ForeignTimes.NO_TIME_MICROS && toMicros > ForeignTimes.NO_TIME_MICROS;
    }

    /** Its figures for users: bytes only where the store may drop it. */
    PartitionInfo info() {
        return new PartitionInfo(
                id,
                PartitionInfo.State.ADOPTED,
                facts.oldestMicros(),
                facts.maxMicros,
                Math.max(0, facts.rowsEstimate - moved().rows()),
                adoption.take() ? facts.bytes : 0);
    }
}
