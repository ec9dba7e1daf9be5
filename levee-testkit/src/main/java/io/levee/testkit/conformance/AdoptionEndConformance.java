package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Gap;
import io.levee.LossReason;
import io.levee.ManualClock;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.engine.Finding;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Adopted databases that somebody still writes to, that are missing, and that are past their retention (guarantees G64 to G66, G80). */
abstract class AdoptionEndConformance extends OldTopic {
    private static final Instant BEGIN = OldTables.BEGIN;

    AdoptionEndConformance(EngineConformance kit) {
        super(kit);
    }

    private static Adoption monitor(OldDatabase old) {
        return old.adoption("invocations").time("finished_at");
    }

    /** G66: read until its newest row is past retention, then dropped as a whole; G80: what was not taken stays, to the byte. */
    @Test
    void shouldLetItGoAsAWholeAndDeleteItOnlyWhereTaken(TestReporter reporter) {
        for (boolean take : new boolean[] {false, true}) {
            OldDatabase old = old(reporter);
            if (old == null) {
                return;
            }
            old.create(OldTables.checks(5000));
            Object before = old.fingerprint("check_history");
            Adoption adoption = take ? OldTables.checks(old).taken() : OldTables.checks(old);
            TableSpec spec = OldTables.checks()
                    .retention(RetentionRule.maxAge(Duration.ofDays(5)))
                    .adopt(adoption)
                    .build();
            String address = engine().newStore();
            try (Store store = openAt(address, BEGIN.plus(Duration.ofDays(3)))) {
                store.createTable(spec);
                assertThat(store.planRetention().drops()).isEmpty();
                assertThat(count(store, "checks")).isEqualTo(5000);
            }
            Instant later = BEGIN.plus(Duration.ofDays(9));
            try (Store store = openAt(address, later)) {
                store.createTable(spec);
                await("it is let go", () -> store.partitions().isEmpty() && old.there("check_history") != take);
                assertThat(count(store, "checks")).isZero();
            }
            // Not adopted again, though the spec still names it and it may still be there.
            try (Store store = openAt(address, later)) {
                store.createTable(spec);
                assertThat(store.partitions()).isEmpty();
                assertThat(store.adopt("checks", adoption).dropped()).isTrue();
            }
            assertThat(old.there("check_history")).isEqualTo(!take);
            if (!take) {
                assertThat(old.fingerprint("check_history")).isEqualTo(before);
            }
        }
    }

    private Store openAt(String address, Instant now) {
        return open(
                address, false, o -> o.clock(new ManualClock(now)).asOf(now).retentionEvery(Duration.ofMillis(100)));
    }

    /** What goes is told, and that nothing is freed by it. */
    @Test
    void shouldFinishTheRetentionReportOfWhatItLetGo(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(1000, false);
        Store store = openWeekly(old);
        // A server may count the rows that were just written only now, as if they were somebody's since.
        RetentionReport[] report = new RetentionReport[1];
        await("it is let go", () -> {
            report[0] = store.applyRetention(store.planRetention());
            return !report[0].dropped().isEmpty();
        });
        assertThat(report[0].dropped()).hasSize(1);
        assertThat(report[0].bytesFreed()).isZero();
        assertThat(old.there("invocations")).isTrue();
    }

    /** A store of a month later that keeps a week and has adopted the monitor. */
    private Store openWeekly(OldDatabase old) {
        Instant later = BEGIN.plus(Duration.ofDays(30));
        // It is due: no pass of the store's own may come first.
        Store store = open(
                engine().newStore(),
                false,
                o -> o.clock(new ManualClock(later)).asOf(later).retentionEvery(Duration.ofDays(1)));
        store.createTable(OldTables.invocations()
                .retention(RetentionRule.maxAge(Duration.ofDays(7)))
                .build());
        store.adopt("invocations", monitor(old));
        return store;
    }

    @Test
    void shouldSeeWhatAnotherStillWritesAndNotLetGo(TestReporter reporter) throws SQLException {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(1000, false);
        Store store = openWeekly(old);
        Query late = Query.builder("invocations").from(OldTables.at(900_000)).build();
        assertThat(store.count(late)).isZero();
        try (Connection foreign = old.open();
                Statement statement = foreign.createStatement()) {
            statement.executeUpdate(
                    "INSERT INTO invocations(task_id, task_name, state, finished_at) VALUES ('late', 'x', 'OK', "
                            + old.time(OldTables.at(1_000_000)) + ")");
            // At once, before anybody looked at its index again.
            assertThat(store.count(late)).isEqualTo(1);
            assertThat(store.applyRetention(store.planRetention()).dropped()).isEmpty();
            assertThat(store.partitions()).hasSize(1);
        }
    }

    @Test
    void shouldWarnOfAForeignWriter(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(1000, false);
        Store store = newStore();
        store.createTable(OldTables.invocations().build());
        store.adopt("invocations", monitor(old));
        // A server's counts may come a second late, and the store may have looked at it again since it was written to.
        await("the foreign writer is told of", () -> {
            old.run("UPDATE invocations SET worker = 'another' WHERE task_id = '" + OldTables.key(1) + "'");
            return store.diagnose().stream()
                    .filter(f ->
                            f.what().contains("invocations/adopted") && f.what().contains(old.known("invocations")))
                    .map(Finding::level)
                    .toList()
                    .equals(List.of(Finding.Level.WARNING));
        });
    }

    /** Missing, its rows are a gap and doctor's problem; come back, they are there again and nothing is missing. */
    @Test
    void shouldTellAMissingDatabaseAsAGap(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(1000, false);
        Store store = newStore();
        store.createTable(OldTables.invocations().build());
        store.adopt("invocations", monitor(old));
        Query all = Query.builder("invocations").build();
        old.hide("invocations");
        try (Result<Row> result = store.query(all)) {
            assertThat(result.toList()).isEmpty();
            assertThat(result.coverage().gaps()).extracting(Gap::reason).containsExactly(LossReason.ADOPTED_MISSING);
        }
        assertThat(store.diagnose())
                .filteredOn(f -> f.what().contains("missing"))
                .extracting(Finding::level)
                .containsExactly(Finding.Level.PROBLEM);
        old.bringBack("invocations");
        assertThat(count(store, "invocations")).isEqualTo(1000);
        try (Result<Row> result = store.query(all)) {
            assertThat(result.toList()).hasSize(1000);
            assertThat(result.coverage().complete()).isTrue();
        }
    }
}
