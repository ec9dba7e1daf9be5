package io.levee.engine;

import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.SplitStatus;
import io.levee.TableSpec;
import java.util.List;

/**
 * Older databases in an engine: what {@link StorageEngine} does to take them over and to split them. Nothing is done by one without
 * {@link Capability#ADOPTION}. Threads as there.
 */
public interface EngineAdoptions {
    /** See {@link StorageEngine#name}. */
    String name();

    /**
     * Takes an older database over where it lies: it is read from now on, and never written to. What was adopted before is left as it is
     * (also where it was dropped since). Any thread but the writer.
     *
     * @param spec the table that its rows belong to
     * @throws LeveeException {@code NOT_SUPPORTED} without {@link Capability#ADOPTION}, {@code NOT_FOUND}, {@code BAD_SPEC}
     */
    default AdoptionReport adopt(TableSpec spec, Adoption adoption) {
        throw new LeveeException(
                        ErrorCode.NOT_SUPPORTED, "the engine " + name() + " lacks ADOPTION: " + adoption.database())
                .with("database", adoption.database());
    }

    /** What is adopted and not dropped, as last looked at. Any thread; touches no partition. */
    default List<AdoptionReport> adopted() {
        return List.of();
    }

    /** Whether the row of a number lies in an adopted database, where it can be neither changed nor deleted. Any thread. */
    default boolean inAdopted(String table, long seq) {
        return seq < 0;
    }

    /**
     * Begins to move the rows of an adopted database into the store's own partitions, or goes on with it; or stops it. Any thread but the
     * writer.
     *
     * @param id the adopted database
     * @param go false to stop; it can be taken up again
     * @return how far it is
     * @throws LeveeException {@code NOT_SUPPORTED}, {@code NOT_FOUND}, {@code DISK_FULL} with what is needed and what is free
     */
    default SplitStatus split(PartitionId id, boolean go) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "the engine " + name() + " splits no adopted database: " + id)
                .with("partition", id.toString());
    }

    /** The splittings that were begun and those that are done, as of now. Any thread; touches no partition. */
    default List<SplitStatus> splits() {
        return List.of();
    }
}
