package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationRows;
import io.levee.engine.RowQuery;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import io.levee.engine.StoredRow;
import io.levee.engine.WriteRow;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Migrations in partition files: answers are the same before, during and after; step and mark are one (G111, G112, G121, G122, G140). */
class MigrationSliceTest {
    @TempDir
    Path directory;

    private static MigrationStep add(String name, ColumnType type, Object defaultValue, String expression) {
        return new MigrationStep.AddColumn(Column.of(name, type), defaultValue, expression);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldReadAnAddedColumnTheSameBeforeDuringAndAfter(boolean keyed) {
        try (MigrationHelp home = new MigrationHelp(directory, keyed)) {
            home.fill(0, 0, 30);
            home.fill(1, 100, 30);
            home.closeAll();
            MigrationRecord five = home.declare("five", add("five", ColumnType.INTEGER, 5L, null));
            MigrationRecord both =
                    home.declare("both", add("both", ColumnType.TEXT, null, "text || '-' || \"more\" || five"));
            home.append(home.row(200, 2, Map.of("text", "new", "more", "m")));
            List<String> before = home.rows();
            assertThat(before)
                    .hasSize(61)
                    .contains("[3, 1778371200000003, t3, m3, 5, t3-m35]")
                    .last()
                    .asString()
                    .endsWith("new, m, 5, new-m5]");
            assertThat(home.rows(new Expr.Compare("both", Expr.Op.EQ, "t3-m35")))
                    .hasSize(1);
            assertThat(home.sql("SELECT count(*) FROM events WHERE both = 't104-m1045' AND five = 5"))
                    .containsExactly("[1]");

            assertThat(home.parts(five)).hasSize(2);
            assertThat(home.work(five, 1000)).isZero();
            PartitionId newest = home.parts(both).get(0);
            assertThat(newest.period()).isEqualTo("2026-05-10T01");
            SliceOutcome some = home.slice(both, newest, home.order(both, 7));
            assertThat(some)
                    .extracting(SliceOutcome::rowsSeen, SliceOutcome::rowsChanged)
                    .containsExactly(7L, 7L);
            assertThat(home.rows()).isEqualTo(before);
            assertThat(home.sql("SELECT count(*) FROM events WHERE both = 't104-m1045'"))
                    .containsExactly("[1]");
            assertThat(home.work(both, 7)).isEqualTo(53);
            assertThat(home.rows()).isEqualTo(before);
            home.closeAll();
            assertThat(home.rows()).isEqualTo(before);
            if (keyed) {
                StoredRow row = home.engine.find(home.spec, new Object[] {104L});
                assertThat(row).isNotNull();
                assertThat(row.values()).contains("t104-m1045");
            }
        }
        try (MigrationHelp again = new MigrationHelp(directory, keyed)) {
            again.engine
                    .migrations()
                    .forEach(record -> assertThat(again.parts(record)).isEmpty());
        }
    }

    @Test
    void shouldFillAKeyedRowThatIsChangedMeanwhile() {
        try (MigrationHelp home = new MigrationHelp(directory, true)) {
            home.fill(0, 0, 10);
            home.closeAll();
            MigrationRecord up = home.declare("up", add("up", ColumnType.TEXT, null, "upper(text)"));
            home.append(home.row(4, 0, Map.of("text", "changed")));
            assertThat(home.rows()).contains("[4, 1778371200000004, changed, null, CHANGED]");
            assertThat(home.work(up, 3)).isEqualTo(9);
            assertThat(home.rows()).contains("[4, 1778371200000004, changed, null, CHANGED]");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldRenameAndDropWithoutTouchingAReadersFile(boolean keyed) throws Exception {
        try (MigrationHelp home = new MigrationHelp(directory, keyed)) {
            home.fill(0, 0, 20);
            home.fill(1, 100, 20);
            home.closeAll();
            MigrationRecord rename = home.declare("rename", new MigrationStep.RenameColumn("text", "words"));
            MigrationRecord drop = home.declare("drop", new MigrationStep.DropColumn("more"));
            home.append(home.row(200, 1, Map.of("words", "new")));
            List<String> before = home.rows();
            assertThat(before).hasSize(41).contains("[3, 1778371200000003, t3]", "[200, 1778374800000200, new]");
            assertThat(home.work(rename, 100)).isZero();
            assertThat(home.rows()).isEqualTo(before);
            assertThat(home.work(drop, 7)).isEqualTo(40);
            assertThat(home.rows()).isEqualTo(before);

            // The names are free again, and mean something else now.
            MigrationRecord text = home.declare("text", add("text", ColumnType.INTEGER, 7L, null));
            MigrationRecord more = home.declare(
                    "more",
                    new MigrationStep.AddColumn(new Column("more", ColumnType.TEXT, true, false, null), "none", null));
            assertThat(home.rows()).hasSize(41).contains("[3, 1778371200000003, t3, 7, none]");
            home.work(text, 100);
            home.work(more, 100);
            home.append(home.row(201, 0, Map.of("words", "w", "text", 8L, "more", "x")));
            assertThat(home.rows()).contains("[3, 1778371200000003, t3, 7, none]", "[201, 1778371200000201, w, 8, x]");
            assertThat(home.sql("SELECT words, text FROM events WHERE i = 201")).containsExactly("[w, 8]");
            home.closeAll();
            List<String> all = home.rows();
            assertThat(home.merge()).isLessThanOrEqualTo(2);
            assertThat(home.rows()).isEqualTo(all);
        }
        assertThat(catalogFormat()).isEqualTo("2");
    }

    private Object catalogFormat() throws Exception {
        try (var connection = java.sql.DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("catalog.db"))) {
            return Catalog.value(connection, "format");
        }
    }

    @Test
    void shouldStayReadableForOlderReleasesAfterAdditions() throws Exception {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            home.fill(0, 0, 5);
            home.work(home.declare("five", add("five", ColumnType.INTEGER, 5L, null)), 10);
            home.work(home.declare("by", new MigrationStep.AddIndex(IndexSpec.of("by_text", "text"))), 10);
        }
        assertThat(catalogFormat()).isEqualTo("1");
    }

    @Test
    void shouldBackfillOnlyWhatDiffersAndEndOnRowsThatDoNot() {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            home.work(home.declare("n", add("n", ColumnType.INTEGER, null, null)), 10);
            home.fill(0, 0, 50);
            home.append(home.row(60, 0, Map.of("text", "t", "n", 120L)));
            MigrationRecord twice = home.declare("twice", MigrationStep.Backfill.of("n", "i * 2"));
            SliceOutcome first = home.slice(twice, home.parts(twice).get(0), home.order(twice, 20));
            assertThat(first)
                    .extracting(SliceOutcome::rowsSeen, SliceOutcome::partitionDone)
                    .containsExactly(20L, false);
            // What comes later is the hot path's, not the backfill's.
            home.fill(0, 300, 200);
            assertThat(home.work(twice, 20)).isEqualTo(30);
            assertThat(home.sql("SELECT count(*), sum(n = i * 2) FROM events")).containsExactly("[251, 51]");
            assertThat(home.work(twice, 20)).isZero();
            MigrationRecord again = home.declare("again", MigrationStep.Backfill.of("n", "i * 2"));
            assertThat(home.work(again, 1000)).isEqualTo(200);
            MigrationRecord details = home.declare("details", MigrationStep.Backfill.of("more", "text || n"));
            assertThat(home.work(details, 1000)).isEqualTo(251);
            assertThat(home.work(home.declare("details2", MigrationStep.Backfill.of("more", "text || n")), 100))
                    .isZero();
            assertThat(home.sql("SELECT more FROM events WHERE i = 60")).containsExactly("[t120]");
        }
    }

    /** Rows have numbers of a block that was reserved before: a partition that is empty at the first look may get some of them. */
    @Test
    void shouldReachRowsThatWereNumberedBeforeItsDeclarationAndStoredAfterItsFirstLook() {
        try (MigrationHelp home = new MigrationHelp(directory, true)) {
            WriteRow first = home.row(0, 0, Map.of("text", "t"));
            home.append(first);
            RowQuery.Mark it = new RowQuery.Mark(first.timeMicros(), first.seq());
            assertThat(home.serve(() -> home.engine.delete(home.spec, List.of(it), null, Ack.COMMITTED)))
                    .isEqualTo(1);
            MigrationRecord up = home.declare("up", MigrationStep.Backfill.of("text", "upper(text)"));
            assertThat(home.parts(up)).isEmpty();
            home.fill(0, 1, 5);
            assertThat(home.parts(up)).hasSize(1);
            assertThat(home.work(up, 100)).isEqualTo(5);
            assertThat(home.parts(up)).isEmpty();
        }
    }

    @Test
    void shouldLeaveARowToTheHotPathThatWasChangedAfterItsLookupWasRead() {
        try (MigrationHelp home = new MigrationHelp(directory, true)) {
            home.fill(0, 0, 10);
            MigrationRecord fill = home.declare(
                    "seen",
                    new MigrationStep.Backfill(
                            Map.of("text", "coalesce(last || '!', text)"),
                            Map.of("last", Lookup.of(Lookup.Function.MAX, "events", "text", "i", "i")),
                            null));
            PartitionId id = home.parts(fill).get(0);
            SliceOrder order = home.order(fill, 100);
            MigrationRows read =
                    home.serve(() -> home.engine.migrationRows(fill, id, order, List.of(home.spec.column("i"))));
            assertThat(read.rows()).hasSize(10);
            assertThat(read.last()).isTrue();
            home.append(home.row(4, 0, Map.of("text", "newer")));
            SliceOutcome out = home.slice(fill, id, given(home, fill, read, "old"));
            assertThat(out)
                    .extracting(SliceOutcome::rowsSeen, SliceOutcome::rowsChanged, SliceOutcome::partitionDone)
                    .containsExactly(4L, 4L, false);
            MigrationRows rest =
                    home.serve(() -> home.engine.migrationRows(fill, id, order, List.of(home.spec.column("i"))));
            assertThat(rest.rows()).hasSize(6);
            assertThat(rest.rows().get(0).version()).isPositive();
            out = home.slice(fill, id, given(home, fill, rest, "new"));
            assertThat(out.partitionDone()).isTrue();
            assertThat(out.partitionRows()).isEqualTo(10);
            assertThat(home.sql("SELECT i, text FROM events WHERE i IN (3, 4, 5) ORDER BY i"))
                    .containsExactly("[3, old3!]", "[4, new4!]", "[5, new5!]");
        }
    }

    private static SliceOrder given(MigrationHelp home, MigrationRecord record, MigrationRows read, String prefix) {
        SliceOrder plain = home.order(record, 100);
        List<SliceOrder.Values> values = read.rows().stream()
                .map(r -> new SliceOrder.Values(r.seq(), r.version(), new Object[] {prefix + r.values()[0]}))
                .toList();
        return new SliceOrder(
                plain.spec(),
                plain.rows(),
                plain.target(),
                null,
                plain.set(),
                new SliceOrder.Given(
                        List.of(Column.of("last", ColumnType.TEXT)),
                        values,
                        read.seen(),
                        read.throughSeq(),
                        read.last()),
                () -> false);
    }

    @Test
    void shouldBuildIndexesInCopiesAndUseThem() throws Exception {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            home.fill(0, 0, 100);
            home.fill(1, 1000, 100);
            MigrationRecord record = home.declare(
                    "by_text",
                    new MigrationStep.AddIndex(IndexSpec.of("by_text", "text").where("i >= 50")));
            assertThat(home.parts(record)).hasSize(2);
            List<String> before = home.rows();
            assertThat(home.work(record, 10)).isEqualTo(200);
            assertThat(home.rows()).isEqualTo(before);
            // The one that took new rows was rolled: they go to a sibling, which has it from the start.
            home.fill(1, 2000, 5);
            assertThat(home.engine.partitions()).hasSize(3);
            assertThat(home.parts(record)).isEmpty();
            assertThat(home.sql("EXPLAIN QUERY PLAN SELECT * FROM events WHERE text = 't3' AND i >= 50")
                            .toString())
                    .contains("events__by_text");
            MigrationRecord lower = home.declare(
                    "lower", new MigrationStep.AddIndex(new IndexSpec("lower", List.of("(lower(text))", "at"), null)));
            home.work(lower, 10);
            assertThat(home.sql("EXPLAIN QUERY PLAN SELECT * FROM events WHERE lower(text) = 't3'")
                            .toString())
                    .contains("events__lower");
            home.work(home.declare("drop", new MigrationStep.DropIndex("by_text")), 10);
            assertThat(home.sql("EXPLAIN QUERY PLAN SELECT * FROM events WHERE text = 't3' AND i >= 50")
                            .toString())
                    .doesNotContain("by_text");
        }
        try (Stream<Path> left = Files.list(directory.resolve("tmp"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void shouldRefuseABuildWithoutRoomWithFigures() {
        try (MigrationHelp home = new MigrationHelp(directory, false, o -> o.disk(io.levee.Bytes.mebi(24)))) {
            home.fill(0, 0, 10);
            MigrationRecord record = home.declare("by", new MigrationStep.AddIndex(IndexSpec.of("by_text", "text")));
            PartitionId id = home.parts(record).get(0);
            home.fill(1, 100, 10);
            assertThat(home.engine.migrationRoom(record, id)).isGreaterThan(16 << 20);
            // Larger than what the cap leaves, whatever the volume has.
            try {
                Files.write(directory.resolve("tmp/ballast"), new byte[12 << 20]);
            } catch (java.io.IOException e) {
                throw new AssertionError(e);
            }
            assertThatThrownBy(() -> home.slice(record, id, home.order(record, 10)))
                    .rootCause()
                    .isInstanceOf(LeveeException.class)
                    .hasMessageContaining("needs")
                    .hasMessageContaining("are free")
                    .extracting(e -> ((LeveeException) e).code())
                    .isEqualTo(ErrorCode.DISK_FULL);
        }
    }

    @Test
    void shouldGiveUpABuildThatTheWriterWantsBackOrThatIsCancelled() {
        try (MigrationHelp home = new MigrationHelp(directory, true)) {
            home.fill(0, 0, 100);
            MigrationRecord record = home.declare("by", new MigrationStep.AddIndex(IndexSpec.of("by_text", "text")));
            PartitionId id = home.parts(record).get(0);
            SliceOrder plain = home.order(record, 10);
            int[] looks = new int[1];
            SliceOrder cancelled =
                    new SliceOrder(plain.spec(), 10, Duration.ofSeconds(1), null, Map.of(), null, () -> looks[0]++ > 0);
            assertThatThrownBy(() -> home.slice(record, id, cancelled))
                    .rootCause()
                    .extracting(e -> ((LeveeException) e).code())
                    .isEqualTo(ErrorCode.CANCELLED);
            assertThat(home.parts(record)).containsExactly(id);
            assertThat(home.work(record, 10)).isEqualTo(100);
        }
    }

    @Test
    void shouldTellWhichPartitionsLackAnIndexAndWhatItWouldCost() {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            home.fill(0, 0, 100);
            home.fill(1, 1000, 100);
            home.closeAll();
            MigrationRecord record = home.declare("by", new MigrationStep.AddIndex(IndexSpec.of("by_text", "text")));
            var sample = home.engine.migrationSample(record, home.parts(record).get(0), home.order(record, 50));
            assertThat(sample).isNotNull();
            assertThat(sample.rows()).isEqualTo(50);
            assertThat(sample.bytes()).isPositive();
            assertThat(home.engine.diagnose())
                    .anyMatch(f -> f.what().contains("2 partitions of events lack the index by_text")
                            && f.what().contains("events/2026-05-10T01"));
            home.work(record, 10);
            assertThat(home.engine.diagnose())
                    .anyMatch(f -> f.what().contains("the migration by has reached every partition of events"));
        }
    }

    @Test
    void shouldReadWhatComesBackFromTheTrashByTheNewestSpec() {
        try (MigrationHelp home = new MigrationHelp(directory, true)) {
            home.fill(0, 0, 10);
            home.fill(1, 100, 10);
            home.closeAll();
            PartitionId old = home.engine.partitions().get(0).id();
            home.serve(() -> home.engine.drop(old, "test"));
            MigrationRecord up = home.declare("up", add("up", ColumnType.TEXT, null, "upper(text)"));
            MigrationRecord index = home.declare("by", new MigrationStep.AddIndex(IndexSpec.of("by_text", "text")));
            home.work(up, 100);
            home.work(index, 100);
            home.serve(() -> {
                home.engine.restore(old);
                return true;
            });
            assertThat(home.sql("SELECT count(*), sum(up = upper(text)) FROM events"))
                    .containsExactly("[20, 20]");
            assertThat(home.parts(index)).containsExactly(old);
            assertThat(home.engine.diagnose())
                    .anyMatch(f -> f.what().contains("1 partitions of events lack the index"));
            home.work(index, 100);
            home.work(up, 100);
        }
    }

    @Test
    void shouldMarkNothingWhereASliceFails() {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            home.fill(0, 0, 30);
            MigrationRecord fill = home.declare("fill", MigrationStep.Backfill.of("text", "text || '.'"));
            PartitionId id = home.parts(fill).get(0);
            home.slice(fill, id, home.order(fill, 10));
            home.engine
                    .open()
                    .get(id)
                    .failAt(PartitionWriter.Point.COMMITTING, new java.sql.SQLException("disk I/O error"));
            assertThatThrownBy(() -> home.slice(fill, id, home.order(fill, 10))).isInstanceOf(Exception.class);
            assertThat(home.sql("SELECT count(*) FROM events WHERE text LIKE '%.'"))
                    .containsExactly("[10]");
            assertThat(home.work(fill, 10)).isEqualTo(20);
            assertThat(home.sql("SELECT count(*) FROM events WHERE text LIKE '%.' AND text NOT LIKE '%..'"))
                    .containsExactly("[30]");
        }
    }

    @Test
    void shouldRefuseWhatSqliteWould() {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            for (MigrationStep step : List.of(
                    add("x", ColumnType.INTEGER, null, "nothing + 1"),
                    new MigrationStep.AddIndex(new IndexSpec("r", List.of("(random())"), null)),
                    MigrationStep.Backfill.of("text", "upper(texts)"))) {
                assertThatThrownBy(() -> home.declare("bad", step))
                        .isInstanceOf(LeveeException.class)
                        .extracting(e -> ((LeveeException) e).code())
                        .isEqualTo(ErrorCode.BAD_SPEC);
            }
            assertThat(home.engine.migrations()).isEmpty();
        }
    }

    @Test
    void shouldMergePartitionsOfDifferentSchemasAndWaitWhereABackfillHasReachedSome() {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            home.fill(0, 0, 10);
            home.closeAll();
            MigrationRecord up = home.declare("up", add("up", ColumnType.TEXT, null, "upper(text)"));
            home.serve(() -> true);
            home.engine.roll(
                    home.spec,
                    io.levee.engine.Period.of(
                            io.levee.PartitionBy.HOUR, home.row(0, 0, Map.of()).timeMicros()));
            home.fill(0, 20, 10);
            home.closeAll();
            List<String> before = home.rows();
            assertThat(home.engine.partitions()).hasSize(2);
            assertThat(home.merge()).isEqualTo(1);
            assertThat(home.rows()).isEqualTo(before);
            assertThat(home.parts(up)).isEmpty();

            MigrationRecord fill = home.declare("fill", MigrationStep.Backfill.of("text", "text || '.'"));
            home.engine.roll(
                    home.spec,
                    io.levee.engine.Period.of(
                            io.levee.PartitionBy.HOUR, home.row(0, 0, Map.of()).timeMicros()));
            home.fill(0, 40, 10);
            home.closeAll();
            PartitionId first = home.engine.partitions().get(0).id();
            home.slice(fill, first, home.order(fill, 5));
            home.closeAll();
            assertThat(home.merge()).isZero();
            home.work(fill, 100);
            home.closeAll();
            assertThat(home.merge()).isEqualTo(1);
            assertThat(home.parts(fill)).isEmpty();
            // Each once.
            assertThat(home.sql("SELECT count(*) FROM events WHERE text LIKE '%.' AND text NOT LIKE '%..'"))
                    .containsExactly("[30]");
        }
    }

    @Test
    void shouldHaveMigrationsBackWhenTheCatalogIsLost() throws Exception {
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            home.fill(0, 0, 10);
            home.fill(1, 20, 10);
            home.work(home.declare("rename", new MigrationStep.RenameColumn("text", "words")), 10);
            MigrationRecord fill = home.declare("fill", MigrationStep.Backfill.of("words", "upper(words)"));
            home.slice(fill, home.parts(fill).get(0), home.order(fill, 100));
        }
        Files.delete(directory.resolve("catalog.db"));
        try (MigrationHelp home = new MigrationHelp(directory, false)) {
            List<MigrationRecord> back = home.engine.migrations();
            assertThat(back).extracting(MigrationRecord::id).containsExactly("rename", "fill");
            assertThat(back)
                    .extracting(MigrationRecord::state)
                    .containsExactly(MigrationStatus.State.DONE, MigrationStatus.State.INTERRUPTED);
            assertThat(back.get(1).digest())
                    .isEqualTo(new Migration("fill", "events", back.get(1).step()).digest());
            assertThat(home.work(back.get(1), 100)).isEqualTo(10);
            assertThat(home.sql("SELECT count(*) FROM events WHERE words LIKE 'T%'"))
                    .containsExactly("[20]");
        }
        assertThat(catalogFormat()).isEqualTo("2");
    }
}
