package io.levee.cli;

import io.levee.Bytes;
import io.levee.LeveeException;
import io.levee.StoreOptions;
import io.levee.internal.spec.Durations;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What a store may take of its disk: without these options nothing is ever deleted for space (guarantee G72). */
final class DiskOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private CommandSpec spec;

    @Option(
            names = "--max-bytes",
            paramLabel = "BYTES",
            description =
                    "Most that the store may take on disk, such as 20GiB: past it the oldest partitions are dropped."
                            + " Default: no cap, and nothing is dropped for space.")
    private @Nullable String maxBytes;

    @Option(
            names = "--min-free-disk",
            paramLabel = "BYTES",
            description =
                    "What is to stay free on the volume, such as 2GiB: below it the oldest partitions are dropped."
                            + " Default: nothing is dropped for space.")
    private @Nullable String minFreeDisk;

    @Option(
            names = "--trash-grace",
            paramLabel = "TIME",
            description =
                    "How long a dropped partition can be brought back, such as 1h, counted while the store is open for writing;"
                            + " 0s: not at all. Given up where space runs out. Default: 1h.")
    private @Nullable String trashGrace;

    void apply(StoreOptions.Builder options) {
        if (maxBytes != null) {
            set("--max-bytes", maxBytes, options::disk);
        }
        if (minFreeDisk != null) {
            set("--min-free-disk", minFreeDisk, options::minFreeDisk);
        }
        String grace = trashGrace;
        if (grace != null) {
            set("--trash-grace", () -> options.trashGrace(Durations.parse(grace)));
        }
    }

    @FunctionalInterface
    private interface Setter {
        StoreOptions.Builder to(Bytes bytes);
    }

    private void set(String option, String text, Setter setter) {
        set(option, () -> setter.to(Bytes.parse(text)));
    }

    private void set(String option, Runnable setter) {
        try {
            setter.run();
        } catch (LeveeException | IllegalArgumentException e) {
            String why = e instanceof LeveeException known ? known.what() : String.valueOf(e.getMessage());
            throw new ParameterException(spec.commandLine(), option + ": " + why);
        }
    }
}
