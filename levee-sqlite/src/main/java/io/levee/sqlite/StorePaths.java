package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Where the files of a store lie. */
record StorePaths(Path root) {
    /** Refuses a name that is that of a file. */
    void requireDirectory() {
        if (Files.isRegularFile(root)) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no store in " + root + ", which is a file")
                    .with("store", root.toString())
                    .hint("a store is a directory: name that one");
        }
    }

    Path lock() {
        return root.resolve("store.lock");
    }

    Path catalog() {
        return root.resolve("catalog.db");
    }

    /** Which rows of adopted databases do not count any more. */
    Path overrides() {
        return root.resolve("overrides.db");
    }

    Path ledger() {
        return root.resolve("ledger.log");
    }

    /** Zeros that are given up when the volume is full. */
    Path reserve() {
        return root.resolve("reserve.bin");
    }

    Path tables() {
        return root.resolve("tables");
    }

    Path trash() {
        return root.resolve("trash");
    }

    /** Damaged files, kept for a person. */
    Path quarantine() {
        return root.resolve("quarantine");
    }

    /** A directory a table, with a file for each of its named cursors. */
    Path cursors() {
        return root.resolve("cursors");
    }

    Path tmp() {
        return root.resolve("tmp");
    }

    /** The database file of a partition, by the path that the catalog keeps. */
    Path partition(Partition partition) {
        return root.resolve(partition.file());
    }

    /** The name that a partition's file has outside of its table's directory: in the trash, or set aside. */
    static String flat(String file) {
        return Path.of("tables").relativize(Path.of(file)).toString().replace('/', '~');
    }

    /** The directory of a table's partitions. */
    Path directory(String table) {
        return tables().resolve(table);
    }

    static Path wal(Path database) {
        return database.resolveSibling(database.getFileName() + "-wal");
    }

    static Path journal(Path database) {
        return database.resolveSibling(database.getFileName() + "-journal");
    }

    static Path shm(Path database) {
        return database.resolveSibling(database.getFileName() + "-shm");
    }

    /** Makes the directories of a store that are missing, and makes their names durable. */
    void create() {
        Path there = root.toAbsolutePath();
        while (there.getParent() != null && Files.notExists(there)) {
            there = there.getParent();
        }
        try {
            Files.createDirectories(root);
            for (Path directory : new Path[] {tables(), trash(), quarantine(), tmp()}) {
                Files.createDirectories(directory);
            }
            sync(root);
            // The names of what was made above it, too: up to the directory that was there before.
            for (Path made = root.toAbsolutePath(); made != null && !made.equals(there); made = made.getParent()) {
                sync(made.resolveSibling("."));
            }
        } catch (IOException e) {
            throw Volume.unusable("the store's directory cannot be made", root, e)
                    .with("store", root.toString());
        }
    }

    /** Makes a directory's entries durable; a directory is no database, so the law of one door does not speak of it. */
    static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
