package io.levee.sqlite;

import io.levee.Adoption;
import io.levee.ErrorCode;
import io.levee.testkit.conformance.OldDatabase;
import io.levee.testkit.conformance.OldTable;
import io.levee.testkit.conformance.OldTable.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/** An older database in a file of its own. */
final class OldFile extends OldDatabase {
    private static final List<String> NO_TIMES = List.of("NULL", "'n/a'", "x'01'");

    private final Path file;

    OldFile(Path file) {
        this.file = file;
    }

    Path file() {
        return file;
    }

    static String sha(Path file) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public Connection open() throws SQLException {
        return DriverManager.getConnection("jdbc:sqlite:" + file);
    }

    @Override
    public String type(Kind kind) {
        return switch (kind) {
            case NUMBER -> "INTEGER PRIMARY KEY AUTOINCREMENT";
            case KEY -> "TEXT PRIMARY KEY";
            case TEXT, WORD -> "TEXT";
            case WHOLE, MIXED -> "INTEGER";
            case REAL, TIME -> "REAL";
            case TRUTH -> "BOOLEAN";
            case TIME_TEXT -> "DATETIME DEFAULT CURRENT_TIMESTAMP";
        };
    }

    @Override
    protected @Nullable Object stored(Kind kind, @Nullable Object value) {
        return value instanceof Instant at ? (Object) (at.toEpochMilli() / 1000.0) : value;
    }

    /** As the systems of the design have them: the busy one writes ahead, the small one does not. */
    @Override
    public void create(OldTable table) {
        if (table.name().equals("invocations")) {
            run("PRAGMA journal_mode=WAL");
        }
        super.create(table);
    }

    @Override
    public Adoption adoption(String table) {
        return Adoption.of(file, table);
    }

    @Override
    public String time(Instant at) {
        return at.getEpochSecond() + "." + String.format(Locale.ROOT, "%03d", at.getNano() / 1_000_000);
    }

    @Override
    public String seconds(String column) {
        return column;
    }

    @Override
    public boolean there(String table) {
        return Files.exists(file);
    }

    private Path elsewhere() {
        return file.resolveSibling(file.getFileName() + ".elsewhere");
    }

    @Override
    public String lock(String table) {
        return "BEGIN EXCLUSIVE";
    }

    @Override
    public void hide(String table) {
        move(file, elsewhere());
    }

    @Override
    public void bringBack(String table) {
        move(elsewhere(), file);
    }

    private static void move(Path from, Path to) {
        try {
            Files.move(from, to);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Object fingerprint(String table) {
        CRC32 sum = new CRC32();
        byte[] block = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int read = in.read(block); read >= 0; read = in.read(block)) {
                sum.update(block, 0, read);
            }
            return Files.size(file) + " bytes, " + Long.toHexString(sum.getValue());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String known(String table) {
        return String.valueOf(file.getFileName());
    }

    @Override
    public boolean countsExactly() {
        return true;
    }

    @Override
    public boolean keepsNumbers() {
        return true;
    }

    @Override
    public ErrorCode noSuchTable() {
        return ErrorCode.BAD_SPEC;
    }

    /** Seconds as reals keep milliseconds exactly enough; a real does not hold nanoseconds of today. */
    @Override
    public List<TimeType> timeTypes() {
        return List.of(
                new TimeType("INTEGER", "s", 1_000, NO_TIMES),
                new TimeType("REAL", "s", 1_000, NO_TIMES),
                new TimeType("NUMERIC", "s", 1_000, NO_TIMES),
                new TimeType("INTEGER", "ms", 1_000, NO_TIMES),
                new TimeType("REAL", "ms", 1_000, NO_TIMES),
                new TimeType("INTEGER", "us", 1, NO_TIMES),
                new TimeType("REAL", "us", 1, NO_TIMES),
                new TimeType("NUMERIC", "us", 1, NO_TIMES),
                new TimeType("INTEGER", "ns", 1, NO_TIMES),
                new TimeType("DATETIME", "text", 1, List.of("NULL", "''", "'n/a'", "x'01'")),
                new TimeType("TEXT", "text", 1, List.of("NULL", "''", "'n/a'", "x'01'")));
    }
}
