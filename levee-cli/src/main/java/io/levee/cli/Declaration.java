package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Store;
import io.levee.ingest.Format;
import io.levee.ingest.Infer;
import io.levee.ingest.Inference;
import io.levee.ingest.SpecFile;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where the spec of an ingest's table comes from: a file, the data, or the store that has it already. */
final class Declaration {
    private static final int INFER_LINES = 10_000;
    private static final int INFER_BYTES = 64 << 20;

    @Option(names = "--spec", paramLabel = "FILE", description = "Declare the table by this spec first.")
    private @Nullable Path spec;

    @Option(
            names = "--infer",
            description = "Where there is no such table, propose its spec from the data, print and use it.")
    private boolean infer;

    /**
     * The spec to declare; empty where the store has the table.
     *
     * @param opened takes an input that was read for the proposal and cannot be read twice
     * @param wholeFile whether a file is read to its end for a proposal; else its first 10,000 lines
     */
    Optional<SpecFile> resolve(
            Target target,
            Console console,
            String table,
            String file,
            Format format,
            Inputs inputs,
            Map<String, InputStream> opened,
            boolean wholeFile) {
        if (spec != null) {
            return Optional.of(SpecFile.read(spec, table));
        }
        if (!infer) {
            requireTable(target, console, table);
            return Optional.empty();
        }
        if (known(target, console, table)) {
            console.say("table " + table + " is there already; its spec is used");
            return Optional.empty();
        }
        Inference inference;
        try {
            inference = infer(console, table, file, format, inputs, opened, wholeFile);
        } catch (LeveeException e) {
            if (e.details().get("spec") instanceof String draft) {
                console.say(draft.stripTrailing());
            }
            throw e;
        }
        console.say(inference.yaml().stripTrailing());
        return Optional.of(SpecFile.of(inference.spec()));
    }

    /** Looks before anything is written: no store must come of a command that has no table to write to. */
    private static void requireTable(Target target, Console console, String table) {
        try (Store store = target.openToLook(console)) {
            store.table(table);
        } catch (LeveeException e) {
            throw missing(e) ? e.hint("create the table with --spec FILE or --infer") : e;
        }
    }

    private static boolean known(Target target, Console console, String table) {
        try (Store store = target.openToLook(console)) {
            store.table(table);
            return true;
        } catch (LeveeException e) {
            if (missing(e)) {
                return false;
            }
            throw e;
        }
    }

    private static boolean missing(LeveeException e) {
        return e.code() == ErrorCode.NOT_FOUND || e.code() == ErrorCode.UNKNOWN_TABLE;
    }

    private static Inference infer(
            Console console,
            String table,
            String file,
            Format format,
            Inputs inputs,
            Map<String, InputStream> opened,
            boolean wholeFile) {
        if (wholeFile && Inputs.repeatable(file)) {
            return Infer.infer(inputs.open(file), format, table, console.clock());
        }
        InputStream in = inputs.open(file);
        byte[] head = Infer.head(in, INFER_LINES, INFER_BYTES);
        opened.put(file, new SequenceInputStream(new ByteArrayInputStream(head), in));
        return Infer.infer(new ByteArrayInputStream(head), format, table, console.clock());
    }
}
