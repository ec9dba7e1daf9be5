package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.CursorInfo;
import io.levee.ErrorCode;
import io.levee.LossReason;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.TailCursor;
import io.levee.engine.Capability;
import io.levee.testkit.ChildJvm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Named cursors go on where their readers were, and tell what these have missed (design 6). */
abstract class CursorConformance extends Conformance {
    private static final Duration NO_WAIT = Duration.ZERO;
    private static final int KILLS = 3;

    private final String address;
    private final Store store;

    CursorConformance(EngineConformance kit) {
        super(kit);
        address = engine().newStore();
        store = open(address, false);
    }

    private static TableSpec spec(RetentionRule rule) {
        return TableSpec.builder("events")
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column(new Column("trace", ColumnType.TEXT, true, false, null))
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static Row event(long v, int daysBack) {
        return row(spec(RetentionRule.KEEP_ALL), "v", v, "at", NOW.minus(Duration.ofDays(daysBack)), "trace", "t" + v);
    }

    private static List<Long> values(Tail.Batch<Row> batch) {
        return batch.entries().stream().map(e -> (Long) e.value().get("v")).toList();
    }

    @Test
    void shouldGiveAgainWhatWasNotCommitted() {
        Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
        append(table, event(1, 2), event(2, 1), event(3, 0));
        List<Tail.Entry<Row>> first;
        try (TailCursor<Row> cursor = table.cursor("mailer")) {
            first = cursor.poll(NO_WAIT).entries();
            assertThat(first).hasSize(3);
            refused(ErrorCode.BAD_VALUE, () -> cursor.commit(first.get(2).number() + 1));
        }
        try (TailCursor<Row> again = table.cursor("mailer")) {
            assertThat(values(again.poll(NO_WAIT))).containsExactly(1L, 2L, 3L);
            again.commit(first.get(1).number());
        }
        try (TailCursor<Row> again = table.cursor("mailer", Tail.NOW)) {
            assertThat(values(again.poll(NO_WAIT))).as("it is no new one").containsExactly(3L);
            again.commit();
            append(table, event(4, 0));
            assertThat(values(again.poll(Duration.ofSeconds(20)))).containsExactly(4L);
            again.commit();
            again.commit(first.get(0).number());
        }
        try (TailCursor<Row> none = table.cursor("mailer");
                TailCursor<Row> other = table.cursor("other");
                TailCursor<Row> fresh = table.cursor("fresh", Tail.NOW)) {
            assertThat(none.poll(NO_WAIT).entries()).isEmpty();
            assertThat(values(other.poll(NO_WAIT))).containsExactly(1L, 2L, 3L, 4L);
            assertThat(fresh.poll(NO_WAIT).entries()).isEmpty();
        }
        assertThat(store.cursors("events")).extracting(CursorInfo::name).containsExactly("fresh", "mailer", "other");
        assertThat(String.valueOf(store.status().toMap().get("cursors"))).contains("name=mailer");
        assertThat(table.deleteCursor("other")).isTrue();
        assertThat(table.deleteCursor("other")).isFalse();
        assertThat(store.cursors(null)).extracting(CursorInfo::name).containsExactly("fresh", "mailer");
        for (String bad : List.of("", "a b", "../x", ".x", "a/b", "x".repeat(65))) {
            refused(ErrorCode.BAD_VALUE, () -> table.cursor(bad));
        }
        refused(ErrorCode.BAD_VALUE, () -> table.cursor("MAILER"));
        for (int i = store.cursors("events").size(); i < TailCursor.MAX_CURSORS; i++) {
            table.cursor("c" + i).close();
        }
        refused(ErrorCode.LIMIT_EXCEEDED, () -> table.cursor("one-too-many"));
    }

    /** Each gap is told until its reader has said that it knows, and not after that. */
    @Test
    void shouldTellOfWhatWasDroppedUntilThatIsCommitted() {
        Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
        // What goes has the higher numbers: the place stays below them, and only the note keeps the gap from being told
        // again.
        append(table, event(3, 0));
        append(table, event(1, 9), event(2, 8));
        table.cursor("slow").close();
        store.createTable(spec(RetentionRule.maxAge(Duration.ofDays(2))));
        assertThat(store.applyRetention(store.planRetention()).dropped()).hasSize(2);
        for (int i = 0; i < 2; i++) {
            try (TailCursor<Row> cursor = table.cursor("slow")) {
                Tail.Batch<Row> batch = cursor.poll(NO_WAIT);
                Tail.Missed missed = Objects.requireNonNull(batch.missed());
                assertThat(missed.after()).isZero();
                assertThat(missed.upTo()).isPositive();
                assertThat(missed.reason()).isEqualTo(LossReason.EXPIRED);
                assertThat(values(batch)).containsExactly(3L);
                if (i == 1) {
                    cursor.commit();
                }
            }
        }
        try (TailCursor<Row> cursor = table.cursor("slow")) {
            Tail.Batch<Row> batch = cursor.poll(NO_WAIT);
            assertThat(batch.missed()).isNull();
            assertThat(batch.entries()).isEmpty();
        }
    }

    /** What servers do for their clients: the place is said by number, and only by one that there is. */
    @Test
    void shouldTakeAcknowledgements() {
        Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
        append(table, event(1, 0), event(2, 0));
        long number;
        try (Tail<Row> tail = table.tail(0)) {
            number = tail.poll(NO_WAIT).entries().get(0).number();
        }
        assertThat(table.acknowledge("remote", number, null).number()).isEqualTo(number);
        assertThat(table.acknowledge("remote", 0, null).number())
                .as("it never goes back")
                .isEqualTo(number);
        refused(ErrorCode.BAD_VALUE, () -> table.acknowledge("remote", Long.MAX_VALUE - 1, null));
        refused(ErrorCode.BAD_VALUE, () -> table.acknowledge("remote", -1, null));
        try (TailCursor<Row> cursor = table.cursor("remote")) {
            assertThat(values(cursor.poll(NO_WAIT))).containsExactly(2L);
        }
    }

    /** A reader of its own connection keeps its own place. */
    @Test
    void shouldKeepThePlaceOfAReaderBesideTheWriter() {
        Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
        append(table, event(1, 0));
        for (long v = 1; v <= 2; v++) {
            Store reader = open(address, true);
            try (TailCursor<Row> cursor = reader.table("events").cursor("beside")) {
                assertThat(values(cursor.poll(Duration.ofSeconds(20)))).containsExactly(v);
                cursor.commit();
            }
            reader.close();
            append(table, event(v + 1, 0));
        }
        assertThat(store.cursors("events")).extracting(CursorInfo::name).containsExactly("beside");
    }

    /** Its reader is killed again and again: every entry comes at least once, and none again that was committed. */
    @Test
    void shouldMissNothingWhenItsReaderIsKilled(TestReporter reporter) throws Exception {
        if (!store.capabilities().contains(Capability.SECOND_PROCESS)) {
            reportLack(store, Capability.SECOND_PROCESS, reporter);
            return;
        }
        Table<Row> events = store.createTable(ChildStore.EVENTS);
        Set<Long> got = new HashSet<>();
        Set<Long> committed = new HashSet<>();
        long appended = 0;
        for (int round = 0; round <= KILLS; round++) {
            long from = appended;
            CompletableFuture<Void> writing = CompletableFuture.runAsync(() -> {
                for (long i = from; i < from + 900; i += 30) {
                    List<Row> rows = new ArrayList<>();
                    for (long j = i; j < i + 30; j++) {
                        rows.add(ChildStore.event(0, j));
                    }
                    append(events, rows);
                }
            });
            appended += 900;
            try (ChildJvm child = child()) {
                child.send("open r " + address);
                assertThat(child.line()).isEqualTo("open");
                child.send("follow killed");
                Set<Long> uncommitted = new HashSet<>();
                // The last reader reads to the end; those before are killed somewhere in the middle.
                long enough = round == KILLS ? appended : from + 200 + 77L * round;
                while (got.size() < enough) {
                    take(String.valueOf(child.line()), got, uncommitted, committed);
                }
                child.kill();
                List<String> rest = child.rest();
                for (String line : rest) {
                    // The kill may have cut the last line off; a whole one counts, since it may be committed and never
                    // come again.
                    if (line.endsWith(";") || line.equals("committed")) {
                        take(line, got, uncommitted, committed);
                    }
                }
            }
            writing.get();
        }
        assertThat(got).hasSize((int) appended);
    }

    private static void take(String line, Set<Long> got, Set<Long> uncommitted, Set<Long> committed) {
        if (line.equals("committed")) {
            committed.addAll(uncommitted);
            uncommitted.clear();
            return;
        }
        assertThat(line).startsWith("got ").endsWith(";");
        long i = Long.parseLong(line.substring(4, line.length() - 1));
        assertThat(committed).as("what was committed does not come again").doesNotContain(i);
        got.add(i);
        uncommitted.add(i);
    }

    /** What was committed to a cursor is there when the store is opened again. */
    @Test
    void shouldOutliveItsStore(TestReporter reporter) {
        if (!store.capabilities().contains(Capability.PERSISTENT)) {
            reportLack(store, Capability.PERSISTENT, reporter);
            return;
        }
        Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
        append(table, event(1, 0), event(2, 0));
        try (TailCursor<Row> cursor = table.cursor("kept")) {
            cursor.commit(cursor.poll(NO_WAIT).entries().get(0).number());
        }
        store.close();
        Store again = open(address, false);
        try (TailCursor<Row> cursor = again.table("events").cursor("kept")) {
            assertThat(values(cursor.poll(NO_WAIT))).containsExactly(2L);
        }
    }
}
