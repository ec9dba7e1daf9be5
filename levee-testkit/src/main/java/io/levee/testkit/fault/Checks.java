package io.levee.testkit.fault;

import io.levee.Ack;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.Health;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionPlan;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.engine.Quarantined;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The invariants as checks of an open store, each usable alone. They only look, except {@link #healthy}, which writes one record. A check
 * answers what does not hold; nothing is thrown but for what keeps it from looking.
 */
public final class Checks {
    private static final int TOLD = 20;
    private static final int ATTEMPTS = 5;

    private final Store store;
    private final Load load;
    private final String where;
    private final List<Violation> violations = new ArrayList<>();

    /**
     * Checks of one store.
     *
     * @param load what was written
     * @param where what is put into violations: the cycle, the seed
     */
    public Checks(Store store, Load load, String where) {
        this.store = store;
        this.load = load;
        this.where = where;
    }

    /** What did not hold so far. */
    public List<Violation> violations() {
        return List.copyOf(violations);
    }

    private void violated(Invariant invariant, String what) {
        if (violations.size() < TOLD) {
            violations.add(invariant.violated(what, where));
        }
    }

    /**
     * I1 and I2: every record with a receipt is there, once, whole, with the number that the receipt told; a state is at least as new as
     * its newest receipt. Missing records that were only accepted have to lie in a recorded gap.
     *
     * @param told the receipts, of the levels that the fault leaves standing
     * @param first the first number of the records that are looked for
     * @param last the last one
     * @param keptSince retention may have dropped what is older
     * @return the numbers of the records that are missing, inside gaps or not
     */
    public Set<Long> receipts(Receipts told, long first, long last, Instant keptSince) {
        if (undeclared("events", told.events().isEmpty())) {
            return Set.of();
        }
        Map<Long, Row> found = events(first, last);
        if (found == null) {
            return Set.of();
        }
        long floor = ChronoUnit.MICROS.between(Instant.EPOCH, keptSince);
        List<Gap> gaps = gaps("events");
        Set<Long> missing = new HashSet<>();
        for (Receipts.Told receipt : told.events().values()) {
            if (receipt.number() < first || receipt.number() > last) {
                continue;
            }
            Row row = found.get(receipt.number());
            if (row == null) {
                if (receipt.atMicros() >= floor) {
                    missing.add(receipt.number());
                    missing(receipt, gaps);
                }
            } else if (receipt.level() != Ack.ACCEPTED && row.seq() != receipt.seq()) {
                violated(
                        Invariant.I2,
                        "record " + receipt.number() + " has _seq " + row.seq() + ", its receipt said "
                                + receipt.seq());
            }
        }
        return missing;
    }

    /** A process may die before it has declared its tables: then nothing can have been promised. */
    private boolean undeclared(String table, boolean nothingTold) {
        boolean missing = store.tables().stream().noneMatch(spec -> spec.name().equals(table));
        if (missing && !nothingTold) {
            violated(Invariant.I1, "the table " + table + " is gone");
        }
        return missing;
    }

    private void missing(Receipts.Told receipt, List<Gap> gaps) {
        boolean inside = gaps.stream().anyMatch(g -> explains(g, receipt));
        if (!inside) {
            violated(
                    Invariant.I1,
                    "record " + receipt.number() + " (" + receipt.level() + ", event time " + at(receipt.atMicros())
                            + ") is missing and in no recorded gap; gaps: " + gaps);
        }
    }

    private static Instant at(long micros) {
        return Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
    }

    private List<Gap> gaps(String table) {
        return store.gaps(table, null, null);
    }

    /** The records of these numbers; null where they cannot be read, which was told. */
    private @Nullable Map<Long, Row> events(long first, long last) {
        Map<Long, Row> found = new HashMap<>();
        Query query = Query.builder("events")
                .where(Expr.and(Expr.ge("i", first), Expr.le("i", last)))
                .deadline(Duration.ofMinutes(2))
                .build();
        try (Result<Row> rows = store.query(query)) {
            for (Row row : rows) {
                long number = number(row, "i");
                judge(number, row);
                if (found.put(number, row) != null) {
                    violated(Invariant.I1, "record " + number + " is there twice");
                }
            }
        } catch (LeveeException e) {
            violated(Invariant.I1, "the events cannot be read: " + e.getMessage());
            return null;
        }
        return found;
    }

    private static long number(Row row, String column) {
        return row.get(column) instanceof Long number ? number : Long.MIN_VALUE;
    }

    private void judge(long number, Row row) {
        Instant at = (Instant) row.get("at");
        long micros = at == null ? 0 : ChronoUnit.MICROS.between(Instant.EPOCH, at);
        String wrong = Payload.wrong(load.seed(), number, micros, String.valueOf(row.get("payload")));
        if (!wrong.isEmpty()) {
            violated(Invariant.I1, wrong);
        }
    }

    /** I1 and I2 for keyed tables: each key once, under one number for ever, as new as its newest receipt or newer. */
    public void states(Receipts told) {
        if (undeclared("states", told.newestStates().isEmpty())) {
            return;
        }
        Map<Long, Row> found = new HashMap<>();
        try (Result<Row> rows = store.query(
                Query.builder("states").deadline(Duration.ofMinutes(2)).build())) {
            for (Row row : rows) {
                judge(number(row, "version"), row);
                if (found.put(number(row, "k"), row) != null) {
                    violated(Invariant.I1, "key " + row.get("k") + " is there twice");
                }
            }
        } catch (LeveeException e) {
            violated(Invariant.I1, "the states cannot be read: " + e.getMessage());
            return;
        }
        List<Gap> gaps = gaps("states");
        boolean reinserted = gaps.stream().anyMatch(g -> g.reason() == LossReason.QUARANTINED);
        told.newestStates().forEach((key, receipt) -> {
            Row row = found.get(key);
            if (row == null || number(row, "version") < receipt.number()) {
                if (gaps.stream().noneMatch(g -> explains(g, receipt))) {
                    violated(
                            Invariant.I1,
                            "key " + key + " has version " + (row == null ? "none" : row.get("version"))
                                    + ", a receipt (" + receipt.level() + ") said " + receipt.number());
                }
            } else if (!reinserted
                    && !Long.valueOf(row.seq()).equals(told.seqOfKeys().get(key))) {
                violated(
                        Invariant.I2,
                        "key " + key + " has _seq " + row.seq() + ", its first receipt said "
                                + told.seqOfKeys().get(key));
            }
        });
    }

    /** Whether a gap may hold a record of a receipt: what an unclean stop cost was never committed. */
    private static boolean explains(Gap gap, Receipts.Told receipt) {
        return gap.fromMicros() <= receipt.atMicros()
                && receipt.atMicros() <= gap.toMicros()
                && (receipt.level() == Ack.ACCEPTED || gap.reason() != LossReason.UNCLEAN_STOP);
    }

    /**
     * I10: after {@link Damage}, every file that differs is found and set aside, and each costs its own period only. What is missing has
     * to be explained by gaps, which {@link #receipts} checks.
     */
    public void damage(Damage.Done done) {
        store.verify(null, checked -> {});
        List<Quarantined> aside = store.quarantined();
        for (String file : done.damaged()) {
            if (aside.stream().noneMatch(q -> file.endsWith("/" + q.id() + ".db"))) {
                violated(Invariant.I10, "the damage of " + file + " was not found; set aside are " + aside);
            }
        }
        for (Gap gap : store.gaps()) {
            if (gap.reason() == LossReason.QUARANTINED
                    && gap.toMicros() - gap.fromMicros() > TimeUnit.DAYS.toMicros(1)) {
                violated(Invariant.I10, "a damaged file costs more than its period: " + gap);
            }
        }
    }

    /** I1 and I2 over the whole table: no record and no number is there twice, and every payload is right. */
    public void everything() {
        if (undeclared("events", true)) {
            return;
        }
        Set<Long> numbers = new HashSet<>();
        Set<Long> seqs = new HashSet<>();
        try (Result<Row> rows = store.query(
                Query.builder("events").deadline(Duration.ofMinutes(10)).build())) {
            for (Row row : rows) {
                long number = number(row, "i");
                judge(number, row);
                if (!numbers.add(number)) {
                    violated(Invariant.I1, "record " + number + " is there twice");
                }
                if (!seqs.add(row.seq())) {
                    violated(Invariant.I2, "the number " + row.seq() + " was given twice");
                }
            }
        } catch (LeveeException e) {
            violated(Invariant.I1, "the events cannot be read: " + e.getMessage());
        }
    }

    /** I6: opening took no longer than its budget. */
    public void ready(Duration took, Duration budget) {
        if (took.compareTo(budget) > 0) {
            violated(Invariant.I6, "opening took " + took + ", the budget is " + budget);
        }
    }

    /**
     * I7: a heavy query ends by its deadline and 250 ms, with rows or with the error. One that was late is asked again: a machine that is
     * late itself for a moment is no violation, a store that always is late is one.
     */
    public void deadline(Duration deadline) {
        Duration least = ended(deadline);
        for (int again = 1; again < ATTEMPTS && late(least, deadline); again++) {
            Duration took = ended(deadline);
            least = took.compareTo(least) < 0 ? took : least;
        }
        if (late(least, deadline)) {
            violated(Invariant.I7, "a query with a deadline of " + deadline + " ended after " + least);
        }
    }

    private static boolean late(Duration took, Duration deadline) {
        return took.compareTo(deadline.plusMillis(250)) > 0;
    }

    /** How long an endless query takes to its end. */
    private Duration ended(Duration deadline) {
        long from = System.nanoTime();
        String sql = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c";
        SqlQuery endless = new SqlQuery(sql, Long.MIN_VALUE, Long.MAX_VALUE, deadline);
        try (SqlResult result = store.sql(endless)) {
            violated(
                    Invariant.I7,
                    "an endless query answered " + result.iterator().next());
        } catch (LeveeException e) {
            // As it should.
        }
        return Duration.ofNanos(System.nanoTime() - from);
    }

    /** I9: retention plans to delete nothing that is younger than its promise. */
    public void promise(Duration kept, Instant now) {
        RetentionPlan plan = store.planRetention();
        long youngest = ChronoUnit.MICROS.between(Instant.EPOCH, now.minus(kept));
        plan.drops().stream()
                .filter(drop -> drop.partition().id().table().equals("events"))
                .filter(drop -> drop.partition().maxMicros() > youngest)
                .forEach(drop -> violated(Invariant.I9, "would drop " + drop + ", promised are " + kept));
    }

    /**
     * I11: what the close said is what is there.
     *
     * @param said the phase {@code closed CLEAN ACCEPTED STORED LOST UNCERTAIN}
     * @param told the receipts of the process that closed
     */
    public void closeReport(String said, Receipts told) {
        String[] words = said.split(" ", -1);
        boolean clean = words.length == 6 && words[1].equals("true");
        if (clean != store.status().lastShutdown().equals("CLEAN")) {
            violated(
                    Invariant.I11,
                    "the close said '" + said + "', the next opening says "
                            + store.status().lastShutdown());
        }
        if (clean
                && words[4].equals("0")
                && words[5].equals("0")
                && !told.events().isEmpty()) {
            Set<Long> numbers = told.events().keySet();
            Map<Long, Row> there = events(Collections.min(numbers), Collections.max(numbers));
            long missing = there == null
                    ? 0
                    : numbers.stream()
                            .filter(number -> !there.containsKey(number))
                            .count();
            if (missing > 0) {
                violated(Invariant.I11, missing + " accepted records are missing after '" + said + "'");
            }
        }
    }

    /** I12: within a time after the fault, a record is stored and health is not DOWN. Writes one state with a key of its own. */
    public void healthy(Duration within, Instant now) {
        long end = System.nanoTime() + within.toNanos();
        Table<Row> states = store.createTable(Load.STATES);
        String last = "";
        while (System.nanoTime() - end < 0) {
            long at = ChronoUnit.MICROS.between(Instant.EPOCH, now);
            Row row = Row.of(Load.STATES)
                    .set("k", -1L)
                    .set("version", 0L)
                    .set("at", at(at))
                    .set("payload", Payload.of(load.seed(), 0, at))
                    .build();
            try {
                CompletableFuture<?> stored = states.append(row, Ack.COMMITTED);
                stored.get(Math.max(1, end - System.nanoTime()), TimeUnit.NANOSECONDS);
                if (store.status().health().state() != Health.State.DOWN) {
                    return;
                }
                last = "health is " + store.status().health();
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            } catch (ExecutionException | TimeoutException | LeveeException e) {
                last = "a record cannot be stored: " + e;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        violated(Invariant.I12, "not healthy " + within + " after the fault ended: " + last);
    }
}
