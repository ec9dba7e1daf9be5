package io.levee.ingest;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The files that one name had: {@code app.log} and what it was renamed or copied to, {@code app.log.1}, {@code app.log.2.gz} or
 * {@code app.log-20261121}. Looked up each time, because a rotation changes them all.
 */
final class Rotation {
    private static final Pattern NUMBERED = Pattern.compile("\\.(\\d{1,6})(\\.(gz|zst))?");
    private static final Pattern ROTATED = Pattern.compile("[.\\-_]\\d.*");
    private static final Pattern COMPRESSED = Pattern.compile(".*\\.(gz|zst)");
    private static final Pattern UNREADABLE = Pattern.compile(".*\\.(bz2|xz|lz4|lzma|zip|Z|tmp)");

    private final Path file;
    private final Path directory;
    private final String name;

    /** Of an absolute path. */
    Rotation(Path file) {
        this.file = file;
        Path parent = file.getParent();
        Path last = file.getFileName();
        if (parent == null || last == null) {
            throw new IllegalArgumentException("no path of a file: " + file);
        }
        this.directory = parent;
        this.name = last.toString();
    }

    static boolean compressed(Path path) {
        return COMPRESSED.matcher(path.toString()).matches();
    }

    /** Compressed in a way that cannot be read here. */
    static boolean unreadable(Path path) {
        return UNREADABLE.matcher(path.toString()).matches();
    }

    /** All of them that are there, the oldest first, the followed name last. */
    List<Path> files() throws IOException {
        List<Path> rotated = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
            for (Path path : all) {
                Path last = path.getFileName();
                String other = last == null ? "" : last.toString();
                if (other.startsWith(name)
                        && ROTATED.matcher(other.substring(name.length())).matches()) {
                    rotated.add(path);
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        }
        boolean numbered = rotated.stream().allMatch(path -> number(path) >= 0);
        rotated.sort(
                numbered
                        ? Comparator.comparingLong(this::number).reversed()
                        : Comparator.comparingLong(Rotation::modified).thenComparing(Path::toString));
        if (Files.exists(file)) {
            rotated.add(file);
        }
        return rotated;
    }

    private long number(Path path) {
        Path last = path.getFileName();
        Matcher matcher = NUMBERED.matcher(last == null ? "" : last.toString().substring(name.length()));
        return matcher.matches() ? Long.parseLong(matcher.group(1)) : -1;
    }

    /** When a file was written last, in milliseconds; the lowest number where it is gone meanwhile. */
    static long modified(Path path) {
        try {
            FileTime time = Files.getLastModifiedTime(path);
            return time.toMillis();
        } catch (IOException e) {
            // It was renamed or deleted meanwhile: the next look finds it under its new name.
            return Long.MIN_VALUE;
        }
    }

    /** The file of a place, under whatever name it has now, opened there; null where it is gone. */
    @Nullable
    FollowedFile find(FollowPlace place, long offset) throws IOException {
        FollowedFile found = null;
        for (Path path : files()) {
            if (unreadable(path)) {
                continue;
            }
            FollowedFile candidate = FollowedFile.open(path, place.base(), offset);
            if (candidate == null) {
                continue;
            }
            // Of two that look alike, such as a copy and its original, the one with the inode; else the newest.
            boolean better =
                    place.matches(candidate) && (found == null || !found.key().equals(place.key()));
            if (better && found != null) {
                found.close();
            }
            if (better) {
                found = candidate;
            } else {
                candidate.close();
            }
        }
        return found;
    }

    /** A file by its present name, and what tells whether it still is the same one. */
    record Entry(Path path, String key) {}

    /** What came after a file, the oldest first. */
    List<Entry> after(FollowedFile current) throws IOException {
        List<Entry> all = entries(files());
        for (int i = all.size() - 1; i >= 0; i--) {
            if (all.get(i).key().equals(current.key())) {
                return all.subList(i + 1, all.size());
            }
        }
        // Deleted or compressed since it was read: under its new name it looks as it did.
        FollowPlace place = FollowPlace.of(current, current.trail());
        FollowedFile copy = find(place, current.offset());
        if (copy != null) {
            copy.close();
            for (int i = 0; i < all.size(); i++) {
                if (all.get(i).path().equals(copy.path())) {
                    return all.subList(i + 1, all.size());
                }
            }
        }
        return newerThan(current.modified());
    }

    /**
     * What nothing was read of: those written after a time (in milliseconds) at which the file that is gone was written last, and what
     * has the followed name; the oldest first.
     */
    List<Entry> newerThan(long modified) throws IOException {
        return entries(files().stream()
                .filter(path -> path.equals(file) || modified(path) > modified)
                .toList());
    }

    private static List<Entry> entries(List<Path> paths) throws IOException {
        List<Entry> entries = new ArrayList<>();
        for (Path path : paths) {
            entries.add(new Entry(path, FollowedFile.keyAt(path)));
        }
        return entries;
    }
}
