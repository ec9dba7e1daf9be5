package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import io.levee.engine.Verification;
import io.levee.internal.migration.BrokenRow;
import io.levee.internal.supervisor.Errands;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.sqlite.ProgressHandler;

/**
 * Makes or drops an index in a copy of a closed partition, which takes the file's place: the writer neither opens the partition meanwhile
 * nor waits for it, readers go on with the old file. One at a time (guarantees G103, G104). A copy that a kill left is deleted
 * (G106). Any thread but the writer.
 */
final class IndexBuild {
    /** What stays free on the volume, beside the copy, its index, and what is sorted for it. */
    private static final long HEADROOM = 16L << 20;

    /** A copy, an index as large as that, and as much for the sort. */
    private static final int TIMES = 3;

    /** So many steps of SQLite lie between two looks whether it is still wanted. */
    private static final int STEPS = 20_000;

    private final StorePaths paths;
    private final Catalog catalog;
    private final ReadHandles readers;
    private final Errands<OpenPartitions> writer;
    private final LogMover logs;
    private final Clock wall;
    private final @Nullable Bytes cap;
    private final Function<Partition, Verification> verify;

    IndexBuild(
            StorePaths paths,
            Catalog catalog,
            ReadHandles readers,
            Errands<OpenPartitions> writer,
            LogMover logs,
            Clock wall,
            @Nullable Bytes cap,
            Function<Partition, Verification> verify) {
        this.paths = paths;
        this.catalog = catalog;
        this.readers = readers;
        this.writer = writer;
        this.logs = logs;
        this.wall = wall;
        this.cap = cap;
        this.verify = verify;
        clean();
    }

    private Path copy() {
        return paths.tmp().resolve("index.db");
    }

    /** Deletes what a build left that did not come to its end. */
    private void clean() {
        for (String suffix : new String[] {"", "-journal", "-wal", "-shm"}) {
            try {
                Files.deleteIfExists(paths.tmp().resolve("index.db" + suffix));
            } catch (IOException e) {
                System.getLogger("io.levee.sqlite")
                        .log(System.Logger.Level.DEBUG, "the next build removes what lies in " + paths.tmp(), e);
            }
        }
    }

    /** Bytes that have to be free for a partition. */
    long room(Partition partition) {
        return room(paths, partition);
    }

    static long room(StorePaths paths, Partition partition) {
        return TIMES * Partition.size(paths.partition(partition)) + HEADROOM;
    }

    /** Brings a partition's indexes up; what is in the way is told, and nothing was done. */
    synchronized SliceOutcome run(MigrationRecord record, SliceOrder order, Partition partition) {
        long begun = MonotonicClock.SYSTEM.nanos();
        if (partition.state() == Partition.State.DROPPED) {
            return new SliceOutcome(0, 0, 0, true, 0, "");
        }
        requireRoom(record, partition);
        String why = closed(order.spec(), partition);
        if (why.isEmpty()) {
            why = sound(partition);
        }
        if (!why.isEmpty()) {
            return SliceOutcome.waiting(why);
        }
        Copying copying = new Copying();
        if (!partition.lent(copying::interrupt)) {
            return SliceOutcome.waiting(partition.id() + " is being rewritten, or was opened again");
        }
        try {
            if (!made(record, order, partition, copying)) {
                return SliceOutcome.waiting("the writer needed " + partition.id() + ": its copy was thrown away");
            }
            place(partition);
        } catch (IOException e) {
            throw Volume.failure("the index of " + partition.id() + " cannot be made", copy(), e);
        } finally {
            partition.givenBack();
            clean();
        }
        long rows = Math.max(0, partition.held().rows());
        return new SliceOutcome(rows, rows, rows, true, MonotonicClock.SYSTEM.nanos() - begun, "");
    }

    /** Refuses with figures where there is no room: a build must not be what fills a volume (guarantee G90). */
    private void requireRoom(MigrationRecord record, Partition partition) {
        long need = room(partition);
        long free;
        try {
            free = Files.getFileStore(paths.root()).getUsableSpace();
        } catch (IOException e) {
            throw Volume.failure("the volume cannot be looked at", paths.root(), e);
        }
        String in = "";
        if (cap != null) {
            long left =
                    cap.value() - Volume.measure(paths, cap.value(), Map.of()).bytes();
            in = left < free ? " below the store's cap of " + cap : "";
            free = Math.min(free, left);
        }
        if (free < need) {
            throw new LeveeException(
                            ErrorCode.DISK_FULL,
                            "the migration " + record.id() + " needs " + new Bytes(need) + " for " + partition.id()
                                    + ", and " + new Bytes(Math.max(0, free)) + " are free" + in)
                    .with("partition", partition.id().toString())
                    .with("needed", need)
                    .with("free", Math.max(0, free))
                    .hint("free space; the migration goes on by itself");
        }
    }

    /** New rows go to a sibling from now on, and the file is closed; returns why it is not. */
    private String closed(TableSpec spec, Partition partition) {
        if (partition.state() == Partition.State.CLOSED) {
            return "";
        }
        if (partition.state() == Partition.State.LENT) {
            return partition.id() + " is being rewritten or merged";
        }
        // The writer only turns to another file; what moving the log costs, no append waits for.
        writer.ask(open -> {
            open.leave(partition);
            return true;
        });
        logs.now(paths.partition(partition));
        String why = writer.ask(open -> open.roll(spec, partition));
        return why.isEmpty() ? "" : partition.id() + " cannot be closed: " + why;
    }

    /** What is damaged must not get a new checksum; returns what is wrong. One without a checksum is as its close left it. */
    private String sound(Partition partition) {
        Verification found = verify.apply(partition);
        return found.state() == Verification.State.OK || found.state() == Verification.State.UNCHECKED
                ? ""
                : partition.id() + ": " + found.detail();
    }

    private boolean made(MigrationRecord record, SliceOrder order, Partition partition, Copying copying)
            throws IOException {
        clean();
        Path file = paths.partition(partition);
        BooleanSupplier unwanted = () -> copying.unwanted() || order.cancelled().getAsBoolean();
        try {
            Connection from = Connections.exclusive(file);
            try {
                watched(from, copying, unwanted, "VACUUM INTO " + Sqlite.literal(copy().toString()));
            } finally {
                Connections.close(file, from);
            }
            Connection to = Connections.exclusive(copy());
            try {
                // Its commit syncs the whole copy.
                Sqlite.transaction(to, () -> {
                    change(record, order.spec(), partition, to, copying, unwanted);
                    return true;
                });
            } finally {
                Connections.close(copy(), to);
            }
        } catch (SQLException e) {
            if (Sqlite.refused(e)) {
                throw BrokenRow.of(record, e);
            }
            if (!Sqlite.interrupted(e)) {
                throw Volume.failure("the index of " + partition.id() + " cannot be made", copy(), paths, e);
            }
        }
        if (order.cancelled().getAsBoolean()) {
            throw new LeveeException(ErrorCode.CANCELLED, "the migration " + record.id() + " was stopped")
                    .hint("its copy of " + partition.id() + " was thrown away; it is made again when it goes on");
        }
        return !copying.unwanted();
    }

    private void change(
            MigrationRecord record,
            TableSpec spec,
            Partition partition,
            Connection to,
            Copying copying,
            BooleanSupplier unwanted)
            throws SQLException {
        PartitionSchema.widen(to, spec, wall.instant());
        PartitionSchema.describe(to, spec, wall.instant());
        if (record.step() instanceof MigrationStep.DropIndex drop) {
            String name = PartitionSchema.named(spec.name(), drop.name());
            watched(to, copying, unwanted, "DROP INDEX IF EXISTS " + Sqlite.quote(name));
        } else if (record.step() instanceof MigrationStep.AddIndex add
                && !MigrationReach.indexed(to, spec, add.index().name())) {
            watched(to, copying, unwanted, PartitionSchema.named(spec, add.index(), FileColumns.of(spec, to)));
        }
        long rows = Math.max(0, partition.held().rows());
        MigrationMark.begin(record, Long.MAX_VALUE, partition.held().maxSeq())
                .after(partition.held().maxSeq(), rows, rows, true)
                .write(to, record.id());
    }

    /** Runs a statement that ends soon after nobody wants it any more. */
    private static void watched(Connection connection, Copying copying, BooleanSupplier unwanted, String sql)
            throws SQLException {
        ProgressHandler.setHandler(connection, STEPS, new ProgressHandler() {
            @Override
            protected int progress() {
                return unwanted.getAsBoolean() ? 1 : 0;
            }
        });
        try (Statement statement = connection.createStatement()) {
            copying.running(statement);
            statement.executeUpdate(sql);
        } finally {
            copying.running(null);
            ProgressHandler.clearHandler(connection);
        }
    }

    /** As a rewrite does it: the checksum of the old file goes first, so that a crash does not leave it beside the new one. */
    private void place(Partition partition) throws IOException {
        Path file = paths.partition(partition);
        catalog.change(c -> {
            Catalog.markRewritten(c, partition.id(), Partition.size(copy()), wall.instant());
            return true;
        });
        Files.move(copy(), file, StandardCopyOption.ATOMIC_MOVE);
        readers.replaced(file);
        StorePaths.sync(paths.directory(partition.id().table()));
        partition.rewritten(Partition.size(file));
    }
}
