package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Store;
import io.levee.engine.Capability;

/** Dropped partitions by the names that users type. */
public final class DroppedPartitions {
    private DroppedPartitions() {}

    /**
     * The dropped partition of a name such as {@code invocations/2026-05-20}.
     *
     * @param store an open store
     * @param name the partition's name, as the list of those dropped has it
     * @throws LeveeException {@link ErrorCode#NOT_SUPPORTED} where the engine frees what it drops at once,
     *     {@link ErrorCode#NOT_FOUND} where there is none of that name any more
     */
    public static PartitionId named(Store store, String name) {
        if (!store.capabilities().contains(Capability.UNDO_DROP)) {
            throw new LeveeException(
                    ErrorCode.NOT_SUPPORTED,
                    "the engine " + store.engine() + " lacks UNDO_DROP: what is dropped is freed at once");
        }
        return store.dropped().stream()
                .map(PartitionInfo::id)
                .filter(id -> id.toString().equals(name))
                .findFirst()
                .orElseThrow(() -> new LeveeException(
                                ErrorCode.NOT_FOUND, "no dropped partition '" + name + "' can be brought back")
                        .hint("levee trash list, or GET /v1/trash, shows those that can"));
    }
}
