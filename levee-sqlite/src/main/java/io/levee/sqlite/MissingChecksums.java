package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.util.Optional;

/** Makes the checksums of closed partitions that have none. Maintenance thread. */
final class MissingChecksums {
    private final StorePaths paths;
    private final Catalog catalog;
    private final ReadHandles readers;
    private final Clock wall;

    MissingChecksums(StorePaths paths, Catalog catalog, ReadHandles readers, Clock wall) {
        this.paths = paths;
        this.catalog = catalog;
        this.readers = readers;
        this.wall = wall;
    }

    /** Reads while no handle is open: where one is opened meanwhile, or the file is given to somebody, it is tried again later. */
    void make(Partition partition) {
        Path file = paths.partition(partition);
        int openings = partition.openings();
        try {
            // No checksum is made of a file that is not what was closed: taking a handle tells.
            readers.giveBack(readers.take(partition), false);
            // Those that queries left behind would keep one that is read all the time from ever getting its checksum.
            readers.evict(file);
            Optional<String> checksum = Checksums.of(file, Checksums.Pace.NONE);
            if (checksum.isPresent()) {
                catalog.change(c -> {
                    // Whoever changes the file counts an opening first, and clears the checksum by a later change of
                    // the catalog: seen from here, what was read is either still what is there, or is left out.
                    if (partition.state() == Partition.State.CLOSED && partition.openings() == openings) {
                        CatalogChecks.putChecksum(c, partition.id(), checksum.get(), wall.instant());
                    }
                    return true;
                });
            }
        } catch (SQLException e) {
            throw Sqlite.failure("a partition cannot be read", file, e);
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, file + " cannot be read: " + e, e);
        }
    }
}
