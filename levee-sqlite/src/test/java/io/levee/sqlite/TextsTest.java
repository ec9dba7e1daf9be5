package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts are taken out of a file as bytes where it keeps them in UTF-8: what is read is what the driver's own way reads. */
class TextsTest {
    private static final List<String> TEXTS =
            List.of("", "plain", "Grüße, 日本", "\uD83D\uDE80 and more", "tab\tand\nline", "x".repeat(70_000));

    @TempDir
    Path directory;

    @Test
    void shouldReadBytesAsTheDriverReadsTexts() throws Exception {
        try (Connection c = DriverManager.getConnection("jdbc:sqlite:");
                Statement s = c.createStatement()) {
            s.executeUpdate("CREATE TABLE t(v)");
            try (PreparedStatement insert = c.prepareStatement("INSERT INTO t VALUES (?)")) {
                for (String text : TEXTS) {
                    insert.setString(1, text);
                    insert.executeUpdate();
                }
            }
            // What others may have written: a NUL, bytes that are no UTF-8, half characters, other kinds.
            s.executeUpdate("INSERT INTO t VALUES ('a' || char(0) || 'b'), (CAST(x'41ff42c3' AS TEXT)),"
                    + " (CAST(x'eda080' AS TEXT)), (CAST(x'f09f9a' AS TEXT)), (CAST(x'' AS TEXT)), (x'00ff'), (x''), (NULL),"
                    + " (7), (0.5)");
            List<@Nullable Object> expected = read(s, false);
            assertThat(expected).hasSize(TEXTS.size() + 10).startsWith(TEXTS.toArray());
            assertThat(read(s, true)).usingRecursiveComparison().isEqualTo(expected);
        }
    }

    private static List<@Nullable Object> read(Statement statement, boolean utf8) throws Exception {
        List<@Nullable Object> read = new ArrayList<>();
        try (ResultSet rows = statement.executeQuery("SELECT v FROM t ORDER BY rowid")) {
            while (rows.next()) {
                read.add(Stored.row(rows, 1, utf8)[0]);
            }
        }
        return read;
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-8", "UTF-16le", "UTF-16be"})
    void shouldReadTheTextsOfAnAdoptedDatabaseInItsEncoding(String encoding) throws Exception {
        Path old = directory.resolve("old.db");
        try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + old);
                Statement s = c.createStatement()) {
            s.executeUpdate("PRAGMA encoding='" + encoding + "'");
            s.executeUpdate("CREATE TABLE notes(id INTEGER PRIMARY KEY, at INTEGER, body TEXT)");
            s.executeUpdate("CREATE INDEX notes_at ON notes(at)");
            try (PreparedStatement insert = c.prepareStatement("INSERT INTO notes VALUES (?, ?, ?)")) {
                for (int i = 0; i < TEXTS.size(); i++) {
                    insert.setInt(1, i + 1);
                    insert.setLong(2, 1_700_000_000L + i);
                    insert.setString(3, TEXTS.get(i));
                    insert.executeUpdate();
                }
            }
        }
        try (Store store = Levee.open(directory.resolve("store"))) {
            store.createTable(TableSpec.builder("notes")
                    .column("id", ColumnType.INTEGER)
                    .column("at", ColumnType.TIMESTAMP)
                    .column("body", ColumnType.TEXT)
                    .time("at")
                    .retention(RetentionRule.UNBOUNDED)
                    .build());
            store.adopt("notes", Adoption.of(old, "notes").time("at"));
            assertThat(bodies(store, Query.builder("notes").oldestFirst().build()))
                    .isEqualTo(TEXTS);
            assertThat(bodies(store, Query.builder("notes").newestPer("id").build()))
                    .containsExactlyInAnyOrderElementsOf(TEXTS);
        }
    }

    private static List<@Nullable Object> bodies(Store store, Query query) {
        List<@Nullable Object> bodies = new ArrayList<>();
        try (Result<Row> rows = store.query(query)) {
            rows.forEach(row -> bodies.add(row.get("body")));
        }
        return bodies;
    }
}
