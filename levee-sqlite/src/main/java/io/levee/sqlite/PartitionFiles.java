package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.ClassName;
import io.levee.engine.Period;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The files of a store by their names: each tells table, period, class and number of its partition. Opens none. */
final class PartitionFiles {
    private static final Pattern NAME = Pattern.compile("([^.]+)(?:\\.([A-Za-z_][^.]*))?(?:\\.(\\d{1,9}))?\\.db");

    private PartitionFiles() {}

    /** The path below the store's root that a partition gets when it is made. */
    static String name(PartitionId id) {
        // The identity as users see it: table/period[.class][.n], of which no part holds a dot or a slash.
        return "tables/" + id + ".db";
    }

    /** The partitions whose files lie in {@code tables/}; other files are left out. */
    static List<PartitionId> of(StorePaths paths) {
        List<PartitionId> found = new ArrayList<>();
        for (Path table : list(paths.tables())) {
            if (Files.isDirectory(table)) {
                for (Path file : list(table)) {
                    add(found, String.valueOf(table.getFileName()), String.valueOf(file.getFileName()));
                }
            }
        }
        return found;
    }

    /** The partitions whose files lie in the trash or in quarantine. */
    static List<PartitionId> flat(Path directory) {
        List<PartitionId> found = new ArrayList<>();
        for (Path file : list(directory)) {
            String[] parts = String.valueOf(file.getFileName()).split("~", 2);
            if (parts.length == 2) {
                add(found, parts[0], parts[1]);
            }
        }
        return found;
    }

    private static void add(List<PartitionId> found, String table, String file) {
        PartitionId id = id(table, file);
        if (id != null) {
            found.add(id);
        }
    }

    private static @Nullable PartitionId id(String table, String file) {
        Matcher matcher = NAME.matcher(file);
        if (!matcher.matches()) {
            return null;
        }
        String named = matcher.group(2) == null ? "" : ClassName.decode(matcher.group(2));
        if (named == null) {
            return null;
        }
        String n = matcher.group(3);
        PartitionId id = new PartitionId(table, named, matcher.group(1), n == null ? 1 : Integer.parseInt(n));
        try {
            Period.parse(id.period());
            return name(id).endsWith("/" + file) ? id : null;
        } catch (LeveeException e) {
            // A file of somebody else's.
            return null;
        }
    }

    private static List<Path> list(Path directory) {
        if (Files.notExists(directory)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.sorted().toList();
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, directory + " cannot be listed: " + e, e);
        }
    }
}
