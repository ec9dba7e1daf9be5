package io.levee.sqlite;

import static io.levee.sqlite.OpenEngine.EVENTS;
import static io.levee.sqlite.OpenEngine.row;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Another rule of retention is no other file: nobody waits until a log was moved and the file opened anew (G60). */
class RuleChangeTest {
    @TempDir
    Path directory;

    @Test
    void shouldGoOnInTheOpenFileUnderAnotherRule() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            OpenEngine.Handed first = row(1, 0);
            store.append(List.of(first), Ack.COMMITTED);
            PartitionWriter writer = store.engine.open().forNewRows(EVENTS, first.slot());
            TableSpec other = EVENTS.toBuilder()
                    .retention(RetentionRule.maxAge(Duration.ofDays(3)))
                    .build();
            assertThat(store.engine.open().forNewRows(other, first.slot())).isSameAs(writer);
            assertThat(writer.spec()).isEqualTo(other);
            TableSpec wider =
                    other.toBuilder().column(Column.of("more", ColumnType.TEXT)).build();
            assertThat(store.engine.open().forNewRows(wider, first.slot()))
                    .as("a column is")
                    .isNotSameAs(writer);
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactly(1);
    }
}
