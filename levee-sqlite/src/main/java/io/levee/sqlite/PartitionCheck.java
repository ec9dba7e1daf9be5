package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.PartitionId;
import io.levee.engine.Verification;
import io.levee.engine.Verification.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Tells whether a partition's file is what it was, without changing anything. Any thread but the writer. */
final class PartitionCheck {
    private static final Bytes CACHE = Bytes.mebi(4);

    private final StorePaths paths;
    private final ReadHandles readers;
    private final Function<PartitionId, Optional<String>> checksums;

    /**
     * A check.
     *
     * @param checksums what the catalog says now of a closed partition; empty for one that is open or has none yet
     */
    PartitionCheck(StorePaths paths, ReadHandles readers, Function<PartitionId, Optional<String>> checksums) {
        this.paths = paths;
        this.readers = readers;
        this.checksums = checksums;
    }

    /** Compares every byte of a closed partition with its checksum. */
    Verification bytes(Partition partition, Checksums.Pace pace) {
        Path file = paths.partition(partition);
        int openings = partition.openings();
        if (partition.state() != Partition.State.CLOSED) {
            return unchecked(partition, 0, partition.state() == Partition.State.OPEN ? "it is open" : "it is lent");
        }
        Optional<String> expected = checksums.apply(partition.id());
        if (expected.isEmpty()) {
            return unchecked(partition, 0, "its checksum is still to be made");
        }
        Verification found = compare(partition, file, expected.get(), pace);
        boolean held = partition.openings() == openings
                && partition.state() == Partition.State.CLOSED
                && checksums.apply(partition.id()).equals(expected);
        return held || found.state() != State.DAMAGED
                ? found
                : unchecked(partition, found.bytes(), "it was opened for writing meanwhile");
    }

    private Verification compare(Partition partition, Path file, String expected, Checksums.Pace pace) {
        String beside = Identity.wrongBeside(file);
        if (beside != null) {
            return new Verification(partition.id(), State.DAMAGED, 0, beside);
        }
        readers.evict(file);
        try {
            Optional<String> found = Checksums.of(file, pace);
            long bytes = Partition.size(file);
            if (found.isEmpty()) {
                return unchecked(partition, 0, "a query reads it");
            }
            return found.get().equals(expected)
                    ? new Verification(partition.id(), State.OK, bytes, "")
                    : new Verification(
                            partition.id(),
                            State.DAMAGED,
                            bytes,
                            "its checksum is " + found.get() + ", and was " + expected + " when it was closed");
        } catch (IOException e) {
            return Files.notExists(file)
                    ? new Verification(partition.id(), State.DAMAGED, 0, "its file is missing")
                    : unchecked(partition, 0, "it cannot be read: " + e);
        }
    }

    boolean hasChecksum(Partition partition) {
        return checksums.apply(partition.id()).isPresent();
    }

    /** What a partition's own statistics say. */
    Partition.Held held(Partition partition) {
        Path file = paths.partition(partition);
        try {
            Connection connection = Connections.reader(file, CACHE);
            try {
                return PartitionSchema.held(connection);
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException e) {
            throw Sqlite.failure("what a partition holds cannot be read", file, e);
        }
    }

    private static Verification unchecked(Partition partition, long bytes, String why) {
        return new Verification(partition.id(), State.UNCHECKED, bytes, why);
    }

    /**
     * What SQLite and the identity say of a partition, open or closed; null where nothing is wrong. Reads the whole file.
     *
     * @param figures whether what it holds has to be what the catalog says
     */
    @Nullable
    String structure(Partition partition, boolean figures) {
        Path file = paths.partition(partition);
        boolean rows = partition.held().rows() != 0;
        if (Partition.size(file) == 0) {
            return rows && partition.held().known()
                    ? (Files.exists(file) ? "its file is empty" : "its file is missing")
                    : null;
        }
        Partition.Held exactly = figures && partition.state() == Partition.State.CLOSED ? partition.held() : null;
        try {
            Connection connection = Connections.reader(file, CACHE);
            try {
                String wrong = Identity.wrong(connection, "main", partition.id(), exactly);
                Object told = wrong == null ? Sqlite.value(connection, "PRAGMA integrity_check(1)") : wrong;
                return "ok".equals(told) ? null : String.valueOf(told);
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException e) {
            if (Sqlite.damaged(e)) {
                return String.valueOf(e.getMessage());
            }
            throw Sqlite.failure("a partition cannot be checked", file, e);
        }
    }
}
