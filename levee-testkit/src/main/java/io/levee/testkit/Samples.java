package io.levee.testkit;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** The small cuts of real records that come with the test kit; {@code sample/ORIGIN.md} says where they come from. */
public enum Samples {
    /** Accesses of a web server, 2015. */
    APACHE_ACCESS_2015,
    /** Task events of Google's Borg, 2011. */
    BORG_TASK_EVENTS,
    /** Jobs of an HPC site. */
    CLUSTERCOCKPIT_JOBS,
    /** Commits of a repository. */
    GIT_OPS_TIGERBEETLE,
    /** Events of workflow runs. */
    PEGASUS_STAMPEDE_EVENTS,
    /** Log lines of a connection pooler, 2023. */
    PGBOUNCER_2023;

    /** The name of the resource, without its directory. */
    public String fileName() {
        return name().toLowerCase(java.util.Locale.ROOT) + ".ndjson.gz";
    }

    /** The records as they are shipped: gzip of one JSON object a line. The caller closes the stream. */
    public InputStream compressed() {
        InputStream stream = Samples.class.getResourceAsStream("sample/" + fileName());
        if (stream == null) {
            throw new IllegalStateException("the sample " + fileName() + " is not on the class path");
        }
        return stream;
    }

    /** The records, one a line. The caller closes the stream. */
    public InputStream plain() {
        try {
            return new GZIPInputStream(compressed());
        } catch (IOException e) {
            throw new UncheckedIOException("the sample " + fileName() + " cannot be read", e);
        }
    }

    /** All lines: samples are small. */
    public List<String> lines() {
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(plain(), StandardCharsets.UTF_8));
                Stream<String> lines = reader.lines()) {
            return lines.toList();
        } catch (IOException e) {
            throw new UncheckedIOException("the sample " + fileName() + " cannot be read", e);
        }
    }
}
