package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What sorts take of the room below a cap: rows wait for one that keeps its files, and for none that has ended (G85, G93). */
class SortFigureTest {
    private static final Bytes CAP = Bytes.mebi(16);
    /** An eighth is left below the cap: history does not go yet, so that nothing else would make room. */
    private static final Bytes HISTORY = new Bytes(Bytes.mebi(14).value() - (64 << 10));

    private static final String SORT = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d)"
            + " SELECT x, count(*) FROM (SELECT hex(randomblob(40)) AS x FROM c) GROUP BY x";

    @TempDir
    Path directory;

    private DiskFigure figure;

    @BeforeEach
    void measure() throws IOException {
        StorePaths paths = new StorePaths(directory.resolve("store"));
        Path temporary = directory.resolve("tmp");
        Files.createDirectories(temporary);
        Files.createDirectories(paths.tables());
        Connections.prepare(temporary);
        try (RandomAccessFile file =
                new RandomAccessFile(paths.tables().resolve("history").toFile(), "rw")) {
            file.setLength(HISTORY.value());
        }
        figure = new DiskFigure(paths, CAP, null, () -> -1, Long.MAX_VALUE);
        figure.measure();
    }

    /** Rows that want all that the headroom leaves them. */
    private static Group group() {
        Group group = new Group();
        group.inserts.add(new Group.Insert(
                OpenEngine.row(0, 0, "x".repeat((int) Bytes.mebi(1).value())), 0));
        return group;
    }

    private SortRoom sorts() {
        return Objects.requireNonNull(figure.sorts());
    }

    private static Execution execution() {
        return new Execution(1, "a sort", System.nanoTime(), Duration.ofMinutes(1));
    }

    @Test
    void shouldNotRefuseRowsForASortThatHasEnded() throws Exception {
        assertThat(figure.refuse(group())).isNull();
        figure.looked();
        try (Connection connection = Connections.memory(Bytes.mebi(1), 10);
                Statement statement = connection.createStatement()) {
            Execution execution = execution();
            sorts().guard(connection).runs(execution);
            assertThatThrownBy(() -> execution.<SQLException>interruptibly(
                            () -> {}, () -> statement.executeQuery(String.format(SORT, 400_000))))
                    .isInstanceOf(SQLException.class);
            assertThatThrownBy(execution::check).hasMessageContaining("LIMIT_EXCEEDED");
            assertThat(sorts().bytes()).as("what it had taken at the end").isGreaterThan(1 << 20);
        }
        await().untilAsserted(() -> assertThat(figure.refuse(group())).isNull());
    }

    @Test
    void shouldRefuseRowsWhileASortKeepsItsFiles() throws Exception {
        try (Connection connection = Connections.memory(Bytes.mebi(1), 10);
                Statement statement = connection.createStatement()) {
            sorts().guard(connection).runs(execution());
            try (ResultSet rows = statement.executeQuery(String.format(SORT, 12_000))) {
                assertThat(rows.next()).isTrue();
                assertThat(Unlinked.sorts()).isGreaterThan(600 << 10);
                LeveeException refused = figure.refuse(group());
                assertThat(refused).isNotNull();
                assertThat(refused.code()).isEqualTo(ErrorCode.DISK_FULL);
            }
        }
        await().untilAsserted(() -> assertThat(figure.refuse(group())).isNull());
    }
}
