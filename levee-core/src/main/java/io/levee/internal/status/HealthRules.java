package io.levee.internal.status;

import io.levee.ErrorCode;
import io.levee.Health;
import io.levee.MigrationStatus;
import io.levee.StoreStatus;
import io.levee.engine.Quarantined;
import io.levee.internal.time.ClockWatch;
import io.levee.internal.time.Micros;
import io.levee.internal.write.Books;
import io.levee.internal.write.Ledger;
import io.levee.internal.write.LossLog;
import io.levee.internal.write.Trouble;
import io.levee.internal.write.WriteService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is wrong, in sentences that say what and since when. {@code DOWN} while no record can be written, whatever the queue still takes;
 * {@code DEGRADED} while something needs a look. Looks at the present only, so that an end of trouble shows at once.
 */
final class HealthRules {
    /** What was met longer ago than this, and concerns no record that still waits, is over. */
    private static final Duration FORGET = Duration.ofMinutes(1);

    private final List<String> reasons = new ArrayList<>();
    private boolean down;

    private HealthRules() {}

    static Health judge(
            List<String> failingTasks,
            List<Quarantined> quarantined,
            StoreStatus.Migrations migrations,
            Books books,
            @Nullable WriteService writes,
            long nanos,
            String memory) {
        HealthRules rules = new HealthRules();
        if (writes != null) {
            rules.troubles(writes, books, nanos);
            rules.ledger(writes.ledger().failure());
            rules.clock(writes.watch().view().suspicion());
            rules.losses(writes.losses().recent());
        }
        rules.reasons.addAll(failingTasks);
        if (!memory.isEmpty()) {
            rules.reasons.add(memory);
        }
        rules.quarantine(quarantined);
        rules.migrations(migrations);
        if (rules.reasons.isEmpty()) {
            return new Health(Health.State.UP, List.of());
        }
        return new Health(rules.down ? Health.State.DOWN : Health.State.DEGRADED, rules.reasons);
    }

    private void troubles(WriteService writes, Books books, long nanos) {
        boolean nothingWaits = books.queued() == 0 && books.uncertain() == 0;
        for (Trouble trouble : writes.troubles()) {
            if (nothingWaits && nanos - trouble.lastNanos() > FORGET.toNanos()) {
                continue;
            }
            down |= trouble.ofTheStore();
            say(
                    trouble.code(),
                    trouble.sinceMicros(),
                    "records of " + trouble.table() + " cannot be written: " + trouble.text());
        }
        for (Trouble trouble : writes.waiting()) {
            say(
                    trouble.code(),
                    trouble.sinceMicros(),
                    "some records of " + trouble.table() + " wait: " + trouble.text());
        }
        String spill = writes.spillTrouble();
        if (!spill.isEmpty()) {
            reasons.add(spill);
        }
        if (books.uncertain() > 0) {
            reasons.add(books.uncertain() + " records may or may not be stored, until they were looked up");
        }
    }

    private void ledger(Ledger.@Nullable Failure failure) {
        if (failure != null) {
            reasons.add("since " + Micros.text(failure.sinceMicros()) + " what is lost cannot be noted in the ledger: "
                    + failure.error());
        }
    }

    private void clock(ClockWatch.@Nullable Suspicion suspicion) {
        if (suspicion != null) {
            say(
                    ErrorCode.CLOCK_SUSPECT,
                    suspicion.sinceMicros(),
                    "the wall clock cannot be trusted, and retention waits: " + suspicion.what());
        }
    }

    private void losses(List<LossLog.Recent> recent) {
        for (LossLog.Recent loss : recent) {
            reasons.add(loss.count() + " records were lost (" + loss.reason() + ") since "
                    + Micros.text(loss.sinceMicros()) + ", the last within a minute");
        }
    }

    private void quarantine(List<Quarantined> quarantined) {
        if (!quarantined.isEmpty()) {
            Quarantined first = quarantined.get(0);
            say(
                    ErrorCode.CORRUPT,
                    first.since(),
                    quarantined.size() + " damaged partitions are in quarantine, " + first.id() + " the first: "
                            + first.reason());
        }
    }

    /** A migration that failed stays until somebody takes it up again, however long ago that was (guarantee G143). */
    private void migrations(StoreStatus.Migrations migrations) {
        String error = migrations.error();
        if (error != null) {
            reasons.add("how far the migrations are cannot be read: " + error);
        }
        for (MigrationStatus failed : migrations.failed()) {
            reasons.add("the migration " + failed.id() + " of " + failed.table() + " failed at "
                    + Micros.text(Micros.of(failed.updated())) + ", after " + failed.rowsDone() + " rows: "
                    + failed.error());
        }
        for (MigrationStatus troubled : migrations.troubled()) {
            reasons.add("the migration " + troubled.id() + " of " + troubled.table() + " waits: " + troubled.note());
        }
    }

    private void say(ErrorCode code, long sinceMicros, String what) {
        reasons.add(code.text() + " since " + Micros.text(sinceMicros) + ": " + what);
    }
}
