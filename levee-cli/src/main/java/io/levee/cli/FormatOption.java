package io.levee.cli;

import picocli.CommandLine.Option;

/** How rows are printed where {@code --json} is not given. */
final class FormatOption {
    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "TABLE",
            description = "table, json (one object a line) or csv. Default: table.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: the option has a default.
    private Grid.Format format;

    Grid.Format format() {
        return format;
    }
}
