package io.levee.testkit.fault;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What a power cut does to the files of a process that was killed under {@link Shim#remember}: writes that were not synced, and names
 * in directories that were not synced, are gone, wholly or in part.
 *
 * <p>A kernel writes pages back in any order and at any time, so each page may be what it was at any moment since the last sync. {@link
 * Kind#ALL} takes back everything; {@link Kind#TORN} draws a moment for each page, and one for the names, from a seed.
 */
public final class PowerCut {
    /** How much goes. */
    public enum Kind {
        /** Everything that was not synced. */
        ALL,
        /** Each page as it was at some moment since its file's last sync. */
        TORN
    }

    /** What was taken back: pages of files, and changes of directories. */
    public record Undone(long pages, long names) {}

    private static final int PAGE = 4096;
    private static final int HEADER = 32;

    private final Path undo;
    private final Kind kind;
    private final SplittableRandom random;
    private long pages;

    private PowerCut(Path undo, Kind kind, long seed) {
        this.undo = undo;
        this.kind = kind;
        this.random = new SplittableRandom(seed);
    }

    /**
     * Cuts the power of a store whose process is dead.
     *
     * @param store the store that was watched
     * @param undo the directory that was remembered to; empty afterwards
     * @param kind how much goes
     * @param seed draws what goes
     */
    public static Undone cut(Path store, Path undo, Kind kind, long seed) {
        PowerCut cut = new PowerCut(undo, kind, seed);
        try {
            // Bytes belong to files, whatever their names are: first the bytes, of the buried ones too.
            Map<Long, Path> files = new HashMap<>();
            for (Path root : List.of(store, undo)) {
                cut.find(root, files);
            }
            for (Map.Entry<Long, Path> file : files.entrySet()) {
                Path log = undo.resolve("data-" + file.getKey());
                if (Files.exists(log) && !file.getValue().equals(log)) {
                    cut.takeBack(file.getValue(), log);
                }
            }
            long names = cut.takeBackNames();
            cut.clear();
            return new Undone(cut.pages, names);
        } catch (IOException e) {
            throw new UncheckedIOException("cutting the power of " + store, e);
        }
    }

    private void find(Path root, Map<Long, Path> files) throws IOException {
        if (!Files.isDirectory(root)) {
            return;
        }
        try (Stream<Path> tree = Files.walk(root)) {
            for (Path file : (Iterable<Path>) tree.filter(Files::isRegularFile)::iterator) {
                files.putIfAbsent((Long) Files.getAttribute(file, "unix:ino"), file);
            }
        }
    }

    /** One change of a file: what was there before, from an offset on. */
    private record Change(long offset, long size, long length, ByteBuffer old) {}

    private static List<Change> changes(Path log) throws IOException {
        ByteBuffer all = ByteBuffer.wrap(Files.readAllBytes(log)).order(ByteOrder.LITTLE_ENDIAN);
        List<Change> changes = new ArrayList<>();
        while (all.remaining() >= HEADER) {
            long offset = all.getLong();
            long size = all.getLong();
            long length = all.getLong();
            int kept = Math.toIntExact(all.getLong());
            if (kept > all.remaining()) {
                break; // The kill came before the change itself.
            }
            changes.add(new Change(offset, size, length, all.slice(all.position(), kept)));
            all.position(all.position() + kept);
        }
        return changes;
    }

    private void takeBack(Path file, Path log) throws IOException {
        List<Change> changes = changes(log);
        if (changes.isEmpty()) {
            return;
        }
        long first = changes.get(0).size;
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            Map<Long, Integer> touched = new HashMap<>();
            changes.forEach(c -> pagesOf(c).forEach(p -> touched.merge(p, 1, Integer::sum)));
            // How many of a page's changes reached the disk.
            Map<Long, Integer> kept = new TreeMap<>(touched);
            kept.replaceAll((page, times) -> kind == Kind.ALL ? 0 : random.nextInt(times + 1));
            long now = channel.size();
            for (int i = changes.size() - 1; i >= 0; i--) {
                Change change = changes.get(i);
                for (long page : pagesOf(change)) {
                    if (touched.merge(page, -1, Integer::sum) >= kept.getOrDefault(page, 0)) {
                        restore(channel, change, page);
                        pages++;
                    }
                }
            }
            boolean oldSize = kind == Kind.ALL || random.nextBoolean();
            long size = oldSize ? first : Math.max(first, now);
            if (channel.size() > size) {
                channel.truncate(size);
            } else if (channel.size() < size) {
                channel.write(ByteBuffer.allocate(1), size - 1);
            }
        }
    }

    private static List<Long> pagesOf(Change change) {
        List<Long> pages = new ArrayList<>();
        for (long page = change.offset / PAGE; page * PAGE < change.offset + change.length; page++) {
            pages.add(page);
        }
        return pages;
    }

    /** Puts back what one page held before a change; beyond the old end there were zeros. */
    private static void restore(FileChannel channel, Change change, long page) throws IOException {
        long from = Math.max(page * PAGE, change.offset);
        long to = Math.min((page + 1) * PAGE, change.offset + change.length);
        ByteBuffer bytes = ByteBuffer.allocate((int) (to - from));
        int start = (int) (from - change.offset);
        if (start < change.old.capacity()) {
            int length = Math.min(bytes.capacity(), change.old.capacity() - start);
            bytes.put(0, change.old, start, length);
        }
        while (bytes.hasRemaining()) {
            channel.write(bytes, from + bytes.position());
        }
    }

    private long takeBackNames() throws IOException {
        Path log = undo.resolve("names");
        if (!Files.exists(log)) {
            return 0;
        }
        List<String> lines = new ArrayList<>(Files.readAllLines(log));
        // Journals keep the order of names: what goes is everything after some moment.
        int kept = kind == Kind.ALL ? 0 : random.nextInt(lines.size() + 1);
        List<String> gone = new ArrayList<>(lines.subList(kept, lines.size()));
        Collections.reverse(gone);
        for (String line : gone) {
            String[] words = line.split("\t", -1);
            takeBackName(words[0], Path.of(words[1]), words[2], words[3]);
        }
        return gone.size();
    }

    private static void takeBackName(String kind, Path path, String to, String grave) throws IOException {
        switch (kind) {
            case "create", "mkdir" -> deleteTree(path);
            case "unlink" -> moveBack(Path.of(grave), path);
            case "rename" -> {
                moveBack(Path.of(to), path);
                if (!grave.equals("-")) {
                    moveBack(Path.of(grave), Path.of(to));
                }
            }
            default -> throw new IOException("the undo log has a line of kind '" + kind + "'");
        }
    }

    private static void moveBack(Path from, Path to) throws IOException {
        // A name in a directory that went itself cannot come back.
        if (Files.exists(from) && Files.isDirectory(to.resolveSibling("."))) {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> tree = Files.walk(root)) {
            for (Path path : (Iterable<Path>) tree.sorted(Comparator.reverseOrder())::iterator) {
                Files.deleteIfExists(path);
            }
        }
    }

    private void clear() throws IOException {
        deleteTree(undo);
        Files.createDirectories(undo);
    }
}
