package io.levee.testkit;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The full sets of real records: {@code ../shared/data} beside the repository, where the maintainers have it. */
public final class SharedData {
    private SharedData() {}

    /** The directory, if it is there: looked for beside each directory above the present one. */
    public static Optional<Path> directory() {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path data = at.resolve("shared").resolve("data");
            if (Files.isDirectory(data)) {
                return Optional.of(data);
            }
        }
        return Optional.empty();
    }

    /**
     * A set by its name.
     *
     * @param name such as {@code borg_task_events}, or with its ending
     * @return the file, if it is there
     */
    public static Optional<Path> find(String name) {
        return directory()
                .map(data -> data.resolve(name.endsWith(".gz") ? name : name + ".ndjson.gz"))
                .filter(Files::isRegularFile);
    }
}
