package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.engine.Verification;
import io.levee.internal.json.Json;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The store of each release is opened, queried, written to and left whole by this one (G108, G110, G112): what it is asked is answered as the release itself answered it. {@link
 * ReleaseFixture} makes one; {@code docs/format.md} says when.
 */
class ReleaseStoresTest {
    /** All that were kept; every one stays for as long as its format is read. */
    private static final String ALPHA = "release-0.1.0-0f4cb96.zip";

    @TempDir
    Path directory;

    private static Object json(Object value) {
        return Json.parse(Json.write(value));
    }

    private static void requireAnswers(Store store, Map<String, Object> told) {
        for (Object one : (List<?>) told.get("answers")) {
            Map<?, ?> answer = (Map<?, ?>) one;
            String sql = (String) answer.get("sql");
            assertThat(json(ReleaseFixture.ask(store, sql))).as(sql).isEqualTo(answer.get("rows"));
        }
        assertThat(ReleaseFixture.trash(store)).isEqualTo(told.get("trash"));
        assertThat(store.quarantined()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = ALPHA)
    void shouldAnswerAsTheReleaseDid(String release) throws Exception {
        Map<String, Object> told = ReleaseFixture.unzip(release, directory);
        try (Store store = Levee.openReadOnly(directory)) {
            requireAnswers(store, told);
        }
        try (Store store = Levee.open(directory, o -> o.asOf(ReleaseFixture.AS_OF))) {
            requireAnswers(store, told);
            assertThat(store.gaps("files", null, null)).allMatch(g -> g.reason() == LossReason.UNCLEAN_STOP);
            assertThat(store.cursors("ops"))
                    .singleElement()
                    .satisfies(c -> assertThat(c.number()).isEqualTo(told.get("position")));
        }
        try (Store store = Levee.openReadOnly(directory)) {
            requireAnswers(store, told);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = ALPHA)
    void shouldWriteToItAndLeaveItWhole(String release) throws Exception {
        ReleaseFixture.unzip(release, directory);
        try (Store store = Levee.open(directory, o -> o.asOf(ReleaseFixture.AS_OF))) {
            long before = store.count(Query.builder("files").build());
            Table<Row> files = store.table("files");
            Instant now = ReleaseFixture.AS_OF;
            // A known key whose class changes moves out of a closed partition of the release; a new one is added.
            append(files, Map.of("path", ".gitignore", "status", "R", "committer_date", now, "seq", 4711L));
            append(files, Map.of("path", "new", "status", "A", "committer_date", now, "subject", "new"));
            assertThat(store.count(Query.builder("files").build())).isEqualTo(before + 1);
            assertThat(files.find(".gitignore"))
                    .hasValueSatisfying(row -> assertThat(row.get("seq")).isEqualTo(4711L));
            assertThat(files.delete(Ack.DURABLE, "new").join()).isTrue();
            PartitionId dropped = store.dropped().get(0).id();
            long ops = store.count(Query.builder("ops").build());
            store.restore(dropped);
            assertThat(store.count(Query.builder("ops").build())).isGreaterThan(ops);
        }
        try (Store store = Levee.open(directory, o -> o.asOf(ReleaseFixture.AS_OF))) {
            await().until(() ->
                    store.verify(null, each -> {}).stream().allMatch(v -> v.state() == Verification.State.OK));
            assertThat(store.count(Query.builder("files")
                            .where(Expr.eq("status", "R"))
                            .where(Expr.eq("seq", 4711L))
                            .build()))
                    .isEqualTo(1);
            assertThat(store.quarantined()).isEmpty();
        }
    }

    private static void append(Table<Row> table, Map<String, Object> values) {
        var row = Row.of(table.spec());
        values.forEach(row::set);
        table.append(row.build(), Ack.COMMITTED).join();
    }

    @ParameterizedTest
    @ValueSource(strings = ALPHA)
    void shouldRefuseAStoreThatANewerReleaseChangedForGood(String release) throws Exception {
        ReleaseFixture.unzip(release, directory);
        try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("catalog.db"));
                Statement s = c.createStatement()) {
            // Both: where they differ the header counts as damaged, and the catalog is made anew from the partitions.
            s.executeUpdate("UPDATE store SET value = '3' WHERE key = 'format'");
            s.executeUpdate("PRAGMA user_version=3");
        }
        for (boolean reads : new boolean[] {true, false}) {
            assertThatThrownBy(() ->
                            Levee.open(directory.toString(), reads, o -> {}).close())
                    .isInstanceOfSatisfying(LeveeException.class, e -> {
                        assertThat(e.code()).isEqualTo(ErrorCode.UNSAFE_ENVIRONMENT);
                        assertThat(e.what()).contains("format 3", "reads format 1 and 2");
                        assertThat(e.hint()).isNotBlank();
                    });
        }
    }
}
