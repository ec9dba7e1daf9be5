package io.levee.sqlite;

import io.levee.CloseReport;
import io.levee.Gap;
import io.levee.TableSpec;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The ledger of a store that is open for reading: read again when the file has changed. Where the writer died and no other came,
 * its unclean stop is told as the next writer will. Thread-safe.
 */
final class LedgerReader {
    private final Path path;
    private final Clock wall;
    private final Supplier<List<TableSpec>> tables;
    private final BooleanSupplier inOrder;
    private @Nullable FileTime changed;
    private long length = -1;
    private LedgerState state = new LedgerState();

    /**
     * A reader.
     *
     * @param inOrder whether the last writer closed the store, or one writes now
     */
    LedgerReader(StorePaths paths, Clock wall, Supplier<List<TableSpec>> tables, BooleanSupplier inOrder) {
        this.path = paths.ledger();
        this.wall = wall;
        this.tables = tables;
        this.inOrder = inOrder;
    }

    List<Gap> losses() {
        LedgerState now = read();
        List<Gap> gaps = new ArrayList<>(now.losses());
        if (!inOrder.getAsBoolean() && !now.endsClosed() && now.lastAt() != Long.MIN_VALUE) {
            gaps.addAll(Ledger.unclean(
                    now,
                    tables.get().stream().map(TableSpec::name).toList(),
                    LedgerFile.bootId(),
                    0,
                    Micros.of(wall.instant())));
        }
        return gaps;
    }

    @Nullable
    CloseReport lastReport() {
        return Reports.of(read().lastReport());
    }

    /** What the ledger says now; of partitions that are gone without the catalog's knowing too. */
    synchronized LedgerState read() {
        try {
            if (Files.notExists(path)) {
                return state;
            }
            BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
            if (now.size() != length || !now.lastModifiedTime().equals(changed)) {
                LedgerState fresh = new LedgerState();
                LedgerFile.read(path).entries().forEach(fresh::apply);
                state = fresh;
                length = now.size();
                changed = now.lastModifiedTime();
            }
            return state;
        } catch (IOException e) {
            throw Volume.failure("the ledger cannot be read", path, e);
        }
    }
}
