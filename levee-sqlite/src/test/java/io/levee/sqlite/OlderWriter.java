package io.levee.sqlite;

import io.levee.Ack;
import io.levee.Levee;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * What a release before migrations does with a store that has them: compiled and run with that release's classes, so that it uses nothing
 * that came later. See {@link MigratedFixture}.
 */
public final class OlderWriter {
    static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");
    static final Instant AS_OF = Instant.parse("2026-05-05T00:00:00Z");
    static final int OF_DAY = 20;

    /** Days that are there before the migrations; the older release adds one. */
    static final int DAYS = 3;

    private OlderWriter() {}

    /** Writes to the store in a directory. */
    public static void main(String[] args) {
        try (Store store = Levee.open(Path.of(args[0]), o -> o.asOf(AS_OF))) {
            for (String table : List.of("runs", "late")) {
                System.out.println(table + " before: "
                        + ask(store, "SELECT count(*), count(region), count(seconds), sum(tries) FROM " + table));
                write(store.table(table));
                System.out.println(table + " after: "
                        + ask(store, "SELECT count(*), count(region), count(seconds), sum(tries) FROM " + table));
            }
        }
    }

    private static void write(Table<Row> table) {
        List<Row> rows = new ArrayList<>();
        // A row of a partition that is closed, as it was but for its name: what the older program does not know of it
        // is null from now on.
        rows.add(row(table, 1, "again").build());
        // New rows of the newest partition, of a day before, and of one that this release makes.
        rows.add(row(table, 100, "new")
                .set("at", BEGIN.plus(Duration.ofHours(60)))
                .build());
        rows.add(row(table, 101, "new")
                .set("at", BEGIN.plus(Duration.ofHours(5)))
                .build());
        for (int k = DAYS * OF_DAY; k < DAYS * OF_DAY + 5; k++) {
            rows.add(row(table, k, "new").build());
        }
        table.appendAll(rows, Ack.DURABLE).join();
        table.delete(Ack.DURABLE, 2L).join();
    }

    static io.levee.RowBuilder row(Table<Row> table, long k, String name) {
        return Row.of(table.spec())
                .set("k", k)
                .set("at", BEGIN.plus(Duration.ofDays(k / OF_DAY)).plusSeconds(k % OF_DAY))
                .set("name", name)
                .set("ms", k * 10)
                .set("tries", k)
                .set("text", "text of " + k);
    }

    static List<Object> ask(Store store, String sql) {
        List<Object> rows = new ArrayList<>();
        try (SqlResult result = store.sql(SqlQuery.of(sql))) {
            result.forEach(rows::add);
        }
        return rows;
    }
}
