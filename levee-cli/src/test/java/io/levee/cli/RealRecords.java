package io.levee.cli;

import io.levee.testkit.Requirements;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;

/** The sets of real records, as much of each as a run takes: its first {@code -Dlevee.lines} (4,000); a section of CI's own takes all. */
final class RealRecords {
    private static final long LINES = Long.getLong("levee.lines", 4_000);

    private RealRecords() {}

    /**
     * The beginning of a set.
     *
     * @param directory where it is written, unless the file can be taken as it is
     * @param most lines at most, however many the run takes
     */
    static Path of(DataSet set, Path directory, long most) throws IOException {
        Path file = Requirements.sharedData(set.table());
        Path to = directory.resolve("records.ndjson");
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                        new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8));
                BufferedWriter out = Files.newBufferedWriter(to)) {
            long n = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (n++ == Math.min(LINES, most)) {
                    return to;
                }
                out.write(line);
                out.newLine();
            }
        }
        return file;
    }
}
