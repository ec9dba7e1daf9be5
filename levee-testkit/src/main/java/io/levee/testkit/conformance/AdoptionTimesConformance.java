package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Measure;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.testkit.conformance.OldTable.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Times as older programs write them: texts of any zone, seconds to nanoseconds, told or guessed, broken or absent (guarantees G54, G64). */
abstract class AdoptionTimesConformance extends OldTopic {
    private static final Instant BEGIN = OldTables.BEGIN;
    private static final int CHECKS = 20_000;

    AdoptionTimesConformance(EngineConformance kit) {
        super(kit);
    }

    /** A value of a column of times, and the time it means. */
    private record Form(String unit, String type, String value, String time) {}

    private static Form text(String value, String time) {
        return new Form("text", "TEXT", "'" + value + "'", time);
    }

    private static final List<Form> FORMS = List.of(
            new Form("ms", "BIGINT", "1775001600123", "2026-04-01T00:00:00.123Z"),
            new Form("us", "BIGINT", "1775001600123456", "2026-04-01T00:00:00.123456Z"),
            new Form("ns", "BIGINT", "1775001600123456789", "2026-04-01T00:00:00.123456Z"),
            new Form("s", "BIGINT", "1775001600", "2026-04-01T00:00:00Z"),
            new Form("s", "DOUBLE PRECISION", "1775001600.25", "2026-04-01T00:00:00.250Z"),
            text("2026-04-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            text("2026-04-01 02:00:00.9999995+02:00", "2026-04-01T00:00:00.999999Z"),
            text("2026-03-31 14:00:00.5-10:00", "2026-04-01T00:00:00.500Z"),
            text("2026-04-01 05:30:00+0530", "2026-04-01T00:00:00Z"),
            text("2026-04-01T02:00:00.25+02", "2026-04-01T00:00:00.250Z"),
            text("2026-03-31T14:00:00-10", "2026-04-01T00:00:00Z"),
            text("2026-04-01 00:00:00.123456789 +0000 UTC", "2026-04-01T00:00:00.123456Z"),
            text("2026-04-01", "2026-04-01T00:00:00Z"));

    @Test
    void shouldReadTimesOfEveryUnitAndFormToTheMicrosecond(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        Store store = newStore();
        int number = 0;
        for (Form form : FORMS) {
            List<String> types = form.unit.equals("text") ? textTypes(old) : List.of(form.type);
            for (String type : types) {
                requireRead(store, old, "e" + number++, type, form);
            }
        }
    }

    private static List<String> textTypes(OldDatabase old) {
        return old.timeTypes().stream()
                .filter(type -> "text".equals(type.unit()))
                .map(OldDatabase.TimeType::type)
                .toList();
    }

    private static void requireRead(Store store, OldDatabase old, String name, String type, Form form) {
        old.run(
                "CREATE TABLE " + name + "(v INTEGER, at " + type + ")",
                "CREATE INDEX " + name + "_at ON " + name + "(at)",
                "INSERT INTO " + name + " VALUES(7, " + form.value + "), (8, NULL)");
        store.createTable(TableSpec.builder(name)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .build());
        AdoptionReport report = store.adopt(name, old.adoption(name).timeUnit(Adoption.TimeUnit.of(form.unit)));
        Instant time = Instant.parse(form.time);
        for (boolean newest : new boolean[] {true, false}) {
            Query.Builder one = Query.builder(name).from(time).to(time.plusNanos(1000));
            try (Result<Row> rows = store.query((newest ? one.newestFirst() : one.oldestFirst()).build())) {
                assertThat(rows.toList())
                        .as("%s in %s", form, type)
                        .extracting(Row::time)
                        .containsExactly(time);
            }
        }
        assertThat(count(store, name)).isEqualTo(2);
        assertThat(report.minMicros()).isLessThanOrEqualTo(0);
    }

    @Test
    void shouldReadTextTimesWithoutAnIndexThatBeginsWithThem(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(OldTables.checks(CHECKS));
        Object before = old.fingerprint("check_history");
        Store store = newStore();
        store.createTable(OldTables.checks().build());
        AdoptionReport report = store.adopt("checks", OldTables.checks(old).time("checked_at"));
        assertThat(report.adoption().timeUnit()).isEqualTo(Adoption.TimeUnit.TEXT);
        // Through the index of site and time: with the slack that a zone in the text could have.
        assertThat(report.minMicros()).isLessThan(BEGIN.getEpochSecond() * 1_000_000);
        assertThat(report.minMicros())
                .isGreaterThan(BEGIN.minus(Duration.ofDays(2)).getEpochSecond() * 1_000_000);
        assertThat(report.maxMicros()).isGreaterThan((BEGIN.getEpochSecond() + CHECKS - 1) * 1_000_000);
        String range = " checked_at >= '2026-04-01 02:00:00' AND checked_at < '2026-04-01 03:00:00'";
        assertThat(store.aggregate(new Aggregation(
                                hour().build(),
                                List.of("site_id"),
                                List.of(Measure.count(), Measure.max("latency_ns"))))
                        .groups())
                .containsExactlyInAnyOrderElementsOf(
                        old.ask("SELECT site_id, count(*), max(latency_ns) FROM check_history WHERE" + range
                                + " GROUP BY site_id"));
        Query down = hour().where(Expr.parse("up = false AND site_id = 5", BEGIN))
                .newestFirst()
                .build();
        List<List<@Nullable Object>> wanted =
                old.ask("SELECT latency_ns, checked_at FROM check_history WHERE NOT is_up AND site_id = 5 AND" + range
                        + " ORDER BY checked_at DESC, id DESC");
        wanted.forEach(row -> row.set(
                1,
                Instant.parse(String.valueOf(row.get(1)).replace(' ', 'T') + "Z")
                                .getEpochSecond()
                        * 1.0));
        assertThat(rows(store, down, "latency_ns", "checked_at")).isNotEmpty().isEqualTo(wanted);
        assertThat(store.explain(hour().where(Expr.eq("site_id", 5)).build()).toString())
                .contains("idx_check");
        // Numbers are its own, all different.
        Set<Long> numbers = new HashSet<>();
        try (Result<Row> result = store.query(hour().build())) {
            result.forEach(r -> numbers.add(r.seq()));
        }
        assertThat(numbers).hasSize(3600).allMatch(n -> n < 0);
        assertThat(old.fingerprint("check_history")).isEqualTo(before);
    }

    private static Query.Builder hour() {
        return Query.builder("checks").from(BEGIN.plusSeconds(7200)).to(BEGIN.plusSeconds(10_800));
    }

    /** Most old databases write times into a column of texts, and nobody says a unit. */
    @Test
    void shouldTellTheUnitOfTimesInAColumnOfTexts(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        Map<String, Kind> columns = new LinkedHashMap<>();
        columns.put("id", Kind.NUMBER);
        columns.put("site_id", Kind.WHOLE);
        columns.put("checked_at", Kind.TIME_TEXT);
        old.create(new OldTable("texts", columns, Map.of("by_time", "checked_at"), 2000, i ->
                new @Nullable Object[] {i % 20 + 1L, BEGIN.plusSeconds(i)}));
        Store store = newStore();
        store.createTable(OldTables.checks().build());
        store.adopt("checks", old.adoption("texts"));
        assertThat(store.count(Query.builder("checks")
                        .from(BEGIN.plusSeconds(100))
                        .to(BEGIN.plusSeconds(150))
                        .build()))
                .isEqualTo(50);
    }

    /** The first time that can be read counts, in whichever of its columns it stands. */
    @Test
    void shouldFindTheTimeOfTheSecondColumnWhereTheFirstIsEmpty(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        Store store = newStore();
        int number = 0;
        for (OldDatabase.TimeType text : old.timeTypes()) {
            if (!"text".equals(text.unit())) {
                continue;
            }
            String name = "e" + number++;
            String type = text.type();
            old.run(
                    "CREATE TABLE " + name + "(id INTEGER PRIMARY KEY, at " + type + ", later " + type + ")",
                    "CREATE INDEX " + name + "_at ON " + name + "(at)");
            Set<String> none = new HashSet<>(List.of("''", "'n/a'", "'0'", "' '", "'/x'", "'-'", "NULL"));
            none.addAll(text.garbage());
            int id = 0;
            for (String broken : none) {
                old.run("INSERT INTO " + name + " VALUES(" + ++id + ", " + broken + ", '2026-05-20 12:00:00')");
            }
            old.run("INSERT INTO " + name + "(id, at) VALUES(" + ++id + ", '2026-05-20 12:00:00'), (" + ++id
                    + ", '2026-05-18 12:00:00')");
            store.createTable(TableSpec.builder(name)
                    .column("id", ColumnType.INTEGER)
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .build());
            store.adopt(
                    name, old.adoption(name).timeUnit(Adoption.TimeUnit.TEXT).time("at", "later"));
            Instant day = Instant.parse("2026-05-20T00:00:00Z");
            assertThat(store.count(Query.builder(name)
                            .from(day)
                            .to(day.plus(Duration.ofDays(1)))
                            .build()))
                    .as(type)
                    .isEqualTo(none.size() + 1);
        }
    }
}
