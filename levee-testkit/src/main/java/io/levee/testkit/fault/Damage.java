package io.levee.testkit.fault;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** What a bad disk or a careless hand does to a store that nobody has open (T33, T34): to one closed partition, or to its catalog. */
public enum Damage {
    /** One bit of a partition is another one. */
    BIT("a bit flipped"),
    /** One page of a partition is zeros. */
    ZEROS("a page of zeros"),
    /** The end of a partition is missing. */
    TRUNCATED("a partition truncated"),
    /** A partition is empty. */
    EMPTY("a partition emptied"),
    /** Bytes of something else stand behind a partition's end. */
    APPENDED("garbage appended"),
    /** The catalog is missing. */
    CATALOG_GONE("catalog deleted"),
    /** The catalog is no database any more. */
    CATALOG_GARBAGE("catalog overwritten");

    private static final int PAGE = 4096;

    private final String words;

    Damage(String words) {
        this.words = words;
    }

    /**
     * What was done.
     *
     * @param what for people; empty where there was nothing to damage
     * @param damaged partition files that differ from what was closed
     */
    public record Done(String what, List<String> damaged) {}

    @Override
    public String toString() {
        return words;
    }

    /**
     * Damages a store that is closed.
     *
     * @param closed its partitions that have a checksum
     * @param seed draws the file and the place
     */
    public Done to(Path store, List<Path> closed, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        try {
            if (this == CATALOG_GONE || this == CATALOG_GARBAGE) {
                return catalog(store.resolve("catalog.db"));
            }
            if (closed.isEmpty()) {
                return new Done("", List.of());
            }
            Path file = closed.get(random.nextInt(closed.size()));
            String how = partition(file, random);
            return new Done(store.relativize(file) + ": " + how, List.of(file.toString()));
        } catch (IOException e) {
            throw new UncheckedIOException("damaging " + store, e);
        }
    }

    private Done catalog(Path catalog) throws IOException {
        if (this == CATALOG_GONE) {
            Files.deleteIfExists(catalog);
        } else {
            Files.write(catalog, new byte[20_000]);
        }
        Files.deleteIfExists(catalog.resolveSibling("catalog.db-wal"));
        Files.deleteIfExists(catalog.resolveSibling("catalog.db-shm"));
        return new Done(words, List.of());
    }

    private String partition(Path file, SplittableRandom random) throws IOException {
        long size = Files.size(file);
        switch (this) {
            case BIT -> {
                long at = random.nextLong(size);
                try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
                    opened.seek(at);
                    int old = opened.read();
                    opened.seek(at);
                    opened.write(old ^ (1 << random.nextInt(8)));
                }
                return "one bit of byte " + at;
            }
            case ZEROS -> {
                long page = random.nextLong(size / PAGE);
                byte[] old = new byte[PAGE];
                try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
                    opened.seek(page * PAGE);
                    opened.readFully(old);
                    opened.seek(page * PAGE);
                    // A page of zeros that is zeroed would be no damage.
                    opened.write(Arrays.equals(old, new byte[PAGE]) ? new byte[] {1} : new byte[PAGE]);
                }
                return "page " + (page + 1) + " of zeros";
            }
            case TRUNCATED -> {
                long left = random.nextLong(size);
                try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
                    opened.setLength(left);
                }
                return "cut to " + left + " of " + size + " bytes";
            }
            case EMPTY -> {
                Files.write(file, new byte[0]);
                return "emptied";
            }
            default -> {
                byte[] garbage = new byte[1 + random.nextInt(5000)];
                for (int i = 0; i < garbage.length; i++) {
                    garbage[i] = (byte) random.nextInt();
                }
                Files.write(file, garbage, StandardOpenOption.APPEND);
                return garbage.length + " bytes appended";
            }
        }
    }
}
