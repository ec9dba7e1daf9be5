package io.levee.postgres;

import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.SplitStatus;
import io.levee.TableSpec;
import io.levee.engine.DropOutcome;
import io.levee.engine.Finding;
import io.levee.internal.adopt.MovedRows;
import io.levee.internal.adopt.SplitCount;
import io.levee.internal.adopt.SplitState;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Takes tables of the same database over where they are, looks at them again when somebody has written to them, and lets them go as a whole.
 * Nothing is ever written to one, and no lock is taken on it but that of a reader, until one that was taken is dropped. Thread-safe.
 */
final class Adoptions {
    private static final System.Logger LOG = System.getLogger("io.levee.postgres");

    /** What keeps others from adding to a table that was taken, while it is compared and until it is dropped. */
    private static final String BAR = "levee_has_taken_it_over";

    /** Why one is let go whose rows are all in own partitions. */
    private static final String SPLIT = "split into partitions";

    private final Connections connections;
    private final CatalogSession session;
    private final Catalog catalog;
    private final Names names;
    private final Clock wall;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final LockSchedule schedule = new LockSchedule();
    private final Set<PartitionId> told = ConcurrentHashMap.newKeySet();
    private volatile List<AdoptedCatalog.Entry> all = List.of();
    /** Those that are read. Changed without a lock: the writer tells how far a splitting is, and waits for nobody's look at a table. */
    private final AtomicReference<List<Adopted>> live;

    private volatile boolean deleting;

    Adoptions(Connections connections, CatalogSession session, Catalog catalog, Clock wall) {
        this.connections = connections;
        this.session = session;
        this.catalog = catalog;
        this.names = catalog.names();
        this.wall = wall;
        this.live = new AtomicReference<>(read());
    }

    private List<AdoptedCatalog.Entry> entries() {
        return session.ask("the adopted tables cannot be read", c -> AdoptedCatalog.all(c, catalog));
    }

    private List<Adopted> read() {
        all = entries();
        deleting = all.stream().anyMatch(e -> e.state().equals("deleting"));
        return all.stream()
                .filter(AdoptedCatalog.Entry::live)
                .map(AdoptedCatalog.Entry::adopted)
                .toList();
    }

    /** Beside a writer of another process the catalog is read again before each use. */
    void refresh() {
        List<Adopted> before = live();
        // What was found missing stays so until somebody looks again.
        live.set(read().stream()
                .map(now -> before.stream().filter(now::same).findFirst().orElse(now))
                .toList());
    }

    private List<Adopted> live() {
        return Objects.requireNonNull(live.get());
    }

    /** Those of a table that are read, the first adopted first. */
    List<Adopted> of(String table) {
        return live().stream().filter(a -> a.id().table().equals(table)).toList();
    }

    @Nullable
    Adopted get(PartitionId id) {
        return live().stream().filter(a -> a.id().equals(id)).findFirst().orElse(null);
    }

    List<PartitionInfo> infos() {
        return live().stream().map(Adopted::info).toList();
    }

    /** Those that were not there when somebody wanted to read them. */
    List<Gap> gaps() {
        List<Gap> gaps = new ArrayList<>(missing());
        for (AdoptedCatalog.Entry entry : all) {
            Adopted now = get(entry.adopted().id());
            SplitState split = (now == null ? entry.adopted() : now).splitting();
            gaps.addAll(split == null ? List.of() : notMoved(split));
        }
        return gaps;
    }

    private List<Gap> missing() {
        return live().stream()
                .filter(Adopted::missing)
                .map(a -> new Gap(
                        a.id().table(),
                        a.facts().oldestMicros(),
                        a.facts().maxMicros(),
                        Gap.UNKNOWN,
                        LossReason.ADOPTED_MISSING))
                .toList();
    }

    /** Exact: what splittings could not move is counted in the transaction that says so. */
    private static List<Gap> notMoved(SplitState split) {
        SplitCount count = split.count();
        List<Gap> gaps = new ArrayList<>();
        String table = split.id().table();
        if (count.expired() > 0) {
            gaps.add(new Gap(table, count.lostFrom(), count.lostTo(), count.expired(), LossReason.EXPIRED));
        }
        if (count.keyless() > 0) {
            gaps.add(new Gap(table, count.lostFrom(), count.lostTo(), count.keyless(), LossReason.WRITE_FAILED));
        }
        return gaps;
    }

    // Where a row is

    /** See {@link io.levee.engine.StorageEngine#inAdopted}: asks the catalog where rows of it are moving. */
    boolean inAdopted(String table, long seq) {
        AdoptedCatalog.Entry of = seq >= 0
                ? null
                : all.stream()
                        .filter(e -> e.adopted().id().table().equals(table)
                                && e.adopted().holds(seq))
                        .findFirst()
                        .orElse(null);
        Adopted now = of == null ? null : get(of.adopted().id());
        if (now == null || !now.split()) {
            return now != null;
        }
        long number = seq + now.facts().base();
        return session.ask("where a row lies cannot be read", c -> {
            SplitState split = SplitCatalog.of(c, names, now.id());
            return split == null || !split.moved().holds(number);
        });
    }

    /** What splittings have done to a table so far: other text, other rows. */
    String moved(String table) {
        StringBuilder text = new StringBuilder();
        for (AdoptedCatalog.Entry entry : all) {
            Adopted known = entry.adopted();
            Adopted now = get(known.id());
            MovedRows moved = (now == null ? known : now).moved();
            if (known.id().table().equals(table)) {
                text.append(entry.adopted().id().n())
                        .append(now == null ? "-" : "+")
                        .append(moved)
                        .append(';');
            }
        }
        return text.toString();
    }

    /** A splitting is as far as that. */
    void split(SplitState now) {
        live.updateAndGet(all ->
                all.stream().map(a -> a.id().equals(now.id()) ? a.with(now) : a).toList());
    }

    /** Reads them again; a slice of a splitting that was told meanwhile is not forgotten. */
    private void reload() {
        List<Adopted> now = read();
        live.updateAndGet(before -> now.stream()
                .map(a -> before.stream()
                        .filter(b -> b.id().equals(a.id())
                                && b.moved().rows() > a.moved().rows())
                        .findFirst()
                        .map(b -> a.with(b.splitting()))
                        .orElse(a))
                .toList());
    }

    // Taking over

    @FunctionalInterface
    private interface Look<T extends @Nullable Object> {
        T on(Connection connection) throws SQLException;
    }

    /** A look at somebody else's tables, over a connection that cannot write and waits for no lock. */
    private <T extends @Nullable Object> T looking(String what, Look<T> look) {
        Connection connection = connections.open(true);
        try {
            return look.on(connection);
        } catch (SQLException e) {
            throw Postgres.failure(what, e);
        } finally {
            connections.giveBack(connection);
        }
    }

    /** See {@link io.levee.engine.StorageEngine#adopt}. */
    synchronized AdoptionReport adopt(TableSpec spec, Adoption given) {
        long begin = clock.nanos();
        List<AdoptedCatalog.Entry> known = entries();
        return looking("the table to be adopted cannot be looked at", c -> {
            AdoptedSource source = new AdoptedSource(c, names);
            source.database(given);
            AdoptedCatalog.Entry before =
                    AdoptedCatalog.known(known, spec.name(), ForeignTable.Name.parse(given.source(), "public"));
            Adoption adoption = before != null ? before.adopted().adoption() : source.located(given);
            if (before == null) {
                before = AdoptedCatalog.known(known, spec.name(), ForeignTable.Name.parse(adoption.source(), "public"));
            }
            if (before != null) {
                Adopted now = get(before.adopted().id());
                return report(now == null ? before.adopted() : now, false, now == null, List.of(), begin);
            }
            return fresh(c, source, spec, adoption, known, begin);
        });
    }

    private AdoptionReport fresh(
            Connection c,
            AdoptedSource source,
            TableSpec spec,
            Adoption adoption,
            List<AdoptedCatalog.Entry> known,
            long begin)
            throws SQLException {
        int n = 1;
        long base = 0;
        for (AdoptedCatalog.Entry entry : known) {
            if (entry.adopted().id().table().equals(spec.name())) {
                n = Math.max(n, entry.adopted().id().n() + 1);
                base = Math.max(base, entry.adopted().facts().base());
            }
        }
        Adopted unknown = new Adopted(AdoptedCatalog.id(spec.name(), n), adoption, Adopted.Facts.UNKNOWN);
        AdoptedTable table = table(c, spec, unknown);
        if (table == null) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no table " + adoption.source());
        }
        source.requireAlone(table.source());
        source.requireRights(table.source(), adoption.take());
        ForeignTable details = table.details();
        if (details != null) {
            source.requireRights(details, adoption.take());
        }
        AdoptedProbe.Found found = AdoptedProbe.first(c, names, spec, table, base);
        Adopted adopted = found.adopted();
        put(adopted);
        reload();
        List<String> notes = new ArrayList<>(found.notes());
        notes.addAll(writing(AdoptedSource.writers(c, table.source())));
        LOG.log(System.Logger.Level.INFO, "adopted {0} as {1}: {2}", adoption.source(), adopted.id(), notes);
        return report(adopted, true, false, notes, begin);
    }

    /** One as the server has it now; null where it is missing. */
    @Nullable
    AdoptedTable table(Connection c, TableSpec spec, Adopted adopted) throws SQLException {
        ForeignTable.Name details = adopted.details();
        Map<Integer, ForeignTable> found =
                ForeignTable.look(c, List.of(adopted.source(), details == null ? adopted.source() : details));
        return AdoptedRead.table(adopted, spec, names, found, 0);
    }

    private void put(Adopted adopted) {
        session.change("an adopted table cannot be noted", c -> {
            AdoptedCatalog.put(c, names, adopted, wall.instant());
            return true;
        });
    }

    private AdoptionReport report(Adopted adopted, boolean fresh, boolean dropped, List<String> notes, long begin) {
        return report(adopted, fresh, dropped, notes, Duration.ofNanos(clock.nanos() - begin));
    }

    private static AdoptionReport report(
            Adopted adopted, boolean fresh, boolean dropped, List<String> notes, Duration took) {
        Adopted.Facts facts = adopted.facts();
        return new AdoptionReport(
                adopted.id(),
                adopted.adoption(),
                fresh,
                dropped,
                facts.rowsEstimate(),
                facts.oldestMicros(),
                facts.maxMicros(),
                facts.bytes(),
                notes,
                took);
    }

    /** All of them that are read. */
    List<AdoptionReport> reports() {
        return live().stream()
                .map(a -> report(a, false, false, a.missing() ? List.of("it is missing") : List.of(), Duration.ZERO))
                .toList();
    }

    private static List<String> writing(List<String> writers) {
        return writers.isEmpty() ? List.of() : List.of("others write to it: " + String.join(", ", writers));
    }

    // Looking again

    /** Looks again at those that somebody has written to. Maintenance thread. */
    void lookAgain(Function<String, @Nullable TableSpec> specs) {
        for (Adopted adopted : live()) {
            TableSpec spec = specs.apply(adopted.id().table());
            if (spec == null) {
                continue;
            }
            try {
                looking("an adopted table cannot be looked at", c -> {
                    AdoptedTable table = table(c, spec, adopted);
                    if (table != null
                            && !table.source().stamp().equals(adopted.facts().stamp())) {
                        tell(c, adopted, table.source());
                        learn(AdoptedProbe.again(c, names, spec, table).adopted());
                    }
                    return true;
                });
            } catch (LeveeException e) {
                // Somebody changes it just now: its range is not trusted meanwhile, and the others are looked at.
                LOG.log(System.Logger.Level.INFO, "an adopted table cannot be looked at", e);
            }
        }
    }

    private void tell(Connection c, Adopted adopted, ForeignTable now) throws SQLException {
        if (ForeignTable.written(adopted.facts().stamp(), now.stamp()) && told.add(adopted.id())) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "the adopted table {0} is written to: {1}",
                    adopted.adoption().source(),
                    AdoptedSource.writers(c, now));
        }
    }

    private synchronized void learn(Adopted now) {
        if (get(now.id()) != null) {
            live.updateAndGet(all -> all.stream()
                    .map(a -> a.id().equals(now.id()) ? a.with(now.facts()) : a)
                    .toList());
            put(now);
        }
    }

    /** For doctor: what is missing, and what others write to. */
    List<Finding> findings() {
        List<Finding> findings = new ArrayList<>();
        for (Adopted adopted : live()) {
            String what =
                    adopted.id() + " is the adopted table " + adopted.adoption().source();
            looking("an adopted table cannot be looked at", c -> {
                ForeignTable now =
                        ForeignTable.look(c, List.of(adopted.source())).get(0);
                adopted.missing(now == null);
                if (now == null) {
                    findings.add(Finding.problem(what + ", which is missing", "put it back; answers lack its rows"));
                    return true;
                }
                List<String> notes = new ArrayList<>(writing(AdoptedSource.writers(c, now)));
                if (ForeignTable.written(adopted.facts().stamp(), now.stamp())) {
                    notes.add("it was written to since it was looked at last");
                }
                findings.add(
                        notes.isEmpty()
                                ? Finding.ok(what)
                                : Finding.warning(what + "; " + String.join("; ", notes), "stop the old writer"));
                return true;
            });
        }
        return findings;
    }

    // Letting go

    /** See {@link io.levee.engine.StorageEngine#drop}: it is not read any more, and goes only where the store took it. */
    synchronized DropOutcome drop(Adopted adopted, TableSpec spec, String reason) {
        String why = looking("an adopted table cannot be looked at", c -> {
            AdoptedTable table = table(c, spec, adopted);
            if (table == null) {
                return "";
            }
            List<String> writers = AdoptedSource.writers(c, table.source());
            if (!writers.isEmpty()) {
                return writing(writers).get(0);
            }
            Adopted now = AdoptedProbe.again(c, names, spec, table).adopted();
            boolean grew = now.facts().maxMicros() > adopted.facts().maxMicros()
                    || ForeignTable.written(adopted.facts().stamp(), now.facts().stamp());
            if (grew) {
                learn(now);
            }
            return grew ? "it was written to since it was looked at last" : "";
        });
        if (!why.isEmpty()) {
            return new DropOutcome(0, why);
        }
        boolean take = adopted.adoption().take() && !shared(adopted);
        letGo(adopted, take, c -> {
            AdoptedCatalog.state(c, names, adopted.id(), take ? "deleting" : "dropped", reason, wall.instant());
            return true;
        });
        return new DropOutcome(take ? adopted.facts().bytes() : 0, "");
    }

    /** Whether one may be dropped once its rows are elsewhere. */
    boolean mayDrop(Adopted adopted) {
        return adopted.adoption().take() && !shared(adopted);
    }

    /**
     * Bars one that was taken, and its details, against new and changed rows, or no more: what is compared must still be so when it is
     * dropped, and the server's counts of what others write come late, or never after a crash. Reading goes on, and so does deleting, which
     * takes nothing that is not elsewhere. By a constraint that holds for no row and is asked of none that is there: that takes a moment's
     * lock, behind which nobody waits longer than one try.
     *
     * @return whether it is so; false where others kept the lock, and nothing has changed then
     */
    boolean bar(Adopted adopted, boolean up) {
        if (!adopted.adoption().take()) {
            return true;
        }
        Connection connection = connections.open(false);
        try {
            boolean all = true;
            for (ForeignTable table :
                    ForeignTable.look(connection, tables(adopted)).values()) {
                all = all && (barred(connection, table) == up || bar(connection, table, up));
            }
            return all;
        } catch (SQLException e) {
            throw Postgres.failure("the adopted table " + adopted.adoption().source() + " cannot be barred", e);
        } finally {
            connections.giveBack(connection);
        }
    }

    private boolean bar(Connection connection, ForeignTable table, boolean up) throws SQLException {
        return schedule.run(() -> Postgres.run(
                connection,
                "ALTER TABLE ONLY " + table.name().quoted()
                        + (up
                                ? " ADD CONSTRAINT " + BAR + " CHECK (false) NO INHERIT NOT VALID"
                                : " DROP CONSTRAINT IF EXISTS " + BAR)));
    }

    private static boolean barred(Connection connection, ForeignTable table) throws SQLException {
        return Postgres.value(
                        connection,
                        "SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid = ?::oid AND conname = ?::name",
                        table.oid(),
                        BAR)
                != null;
    }

    /**
     * Lets go of one whose rows have all moved.
     *
     * @param drop whether it is to be dropped: it was taken and is barred
     * @param done the end of its splitting
     * @param stamp what it was when it was compared
     * @return whether it is; false where the splitting was stopped meanwhile, or is not where it was
     */
    synchronized boolean letGo(Adopted adopted, boolean drop, SplitState done, String stamp) {
        return letGo(adopted, drop, c -> {
            SplitState latest = SplitCatalog.locked(c, names, adopted.id());
            boolean already = latest != null && latest.state() == SplitStatus.State.DONE;
            boolean next = latest != null
                    && latest.state() == SplitStatus.State.RUNNING
                    && latest.moved().equals(done.moved())
                    && AdoptedCatalog.keep(c, names, adopted.id());
            if (next) {
                SplitCatalog.put(c, names, done);
                AdoptedCatalog.stamp(c, names, adopted.id(), stamp);
                AdoptedCatalog.state(c, names, adopted.id(), drop ? "deleting" : "dropped", SPLIT, wall.instant());
            }
            // This may be the second try of a commit that nobody answered.
            return next || already;
        });
    }

    /** What is noted in one transaction. */
    @FunctionalInterface
    private interface Note {
        boolean in(Connection connection) throws SQLException;
    }

    private boolean letGo(Adopted adopted, boolean take, Note note) {
        boolean noted = session.change("an adopted table cannot be let go", note::in);
        if (!noted) {
            return false;
        }
        reload();
        deleting |= take;
        boolean more = adopted.overridable();
        while (more) {
            more = session.change(
                    "what was written again cannot be forgotten", c -> AdoptedOverrides.forget(c, names, adopted.id()));
        }
        return true;
    }

    /** Whether another table of ours reads the same table or its details. */
    private boolean shared(Adopted own) {
        return live().stream()
                .filter(a -> !a.id().equals(own.id()))
                .anyMatch(a -> tables(a).stream().anyMatch(tables(own)::contains));
    }

    private static List<ForeignTable.Name> tables(Adopted adopted) {
        ForeignTable.Name details = adopted.details();
        return details == null ? List.of(adopted.source()) : List.of(details, adopted.source());
    }

    /** Drops the tables that were taken and let go. Janitor thread. */
    synchronized void free() {
        if (!deleting) {
            return;
        }
        boolean left = false;
        for (AdoptedCatalog.Entry entry : entries()) {
            if (entry.state().equals("deleting")) {
                left |= shared(entry.adopted()) || !free(entry.adopted());
            }
        }
        deleting = left;
    }

    private boolean free(Adopted adopted) {
        Connection connection = connections.open(false);
        try {
            List<ForeignTable.Name> tables = tables(adopted);
            Map<Integer, ForeignTable> found = ForeignTable.look(connection, tables);
            ForeignTable source = found.get(tables.size() - 1);
            if (source != null && !compared(connection, adopted, source)) {
                return true;
            }
            List<String> there =
                    found.values().stream().map(t -> t.name().quoted()).toList();
            // By short tries: readers of others who come meanwhile wait no longer than one of them.
            boolean gone = there.isEmpty()
                    || schedule.run(() -> Postgres.run(connection, "DROP TABLE " + String.join(", ", there)));
            if (gone) {
                session.change("an adopted table cannot be noted", c -> {
                    AdoptedCatalog.state(c, names, adopted.id(), "dropped", "deleted", wall.instant());
                    return true;
                });
            }
            return gone;
        } catch (SQLException e) {
            if (Postgres.gone(e)) {
                throw Postgres.failure("an adopted table cannot be dropped", e);
            }
            // Such as a view of somebody that needs it: it is tried again.
            LOG.log(
                    System.Logger.Level.WARNING,
                    "{0} was taken over and is past its retention, and cannot be dropped: {1}",
                    adopted.adoption().source(),
                    e.getMessage());
            return false;
        } finally {
            connections.giveBack(connection);
        }
    }

    /**
     * Whether one is still what it was when it was compared: barred since. Where somebody has taken that away, it is kept. One that was dropped
     * by age was never compared.
     */
    private boolean compared(Connection connection, Adopted adopted, ForeignTable source) throws SQLException {
        SplitState split = adopted.splitting();
        if (split == null || split.state() != SplitStatus.State.DONE || barred(connection, source)) {
            return true;
        }
        String kept = "kept: somebody has taken its constraint " + BAR + " away, and may have written to it";
        LOG.log(
                System.Logger.Level.WARNING,
                "{0} is not dropped, but {1}",
                adopted.adoption().source(),
                kept);
        session.change("an adopted table cannot be noted", c -> {
            AdoptedCatalog.state(c, names, adopted.id(), "dropped", kept, wall.instant());
            return true;
        });
        return false;
    }

    /** The error of a statement that reads adopted tables, with the right that is missing. */
    static LeveeException unreadable(Adopted adopted, LeveeException failure) {
        Object state = failure.details().get("sqlState");
        if ("42501".equals(state)) {
            return AdoptedSource.refused(adopted.source(), "read", failure)
                    .hint(AdoptedSource.grants(adopted.source()));
        }
        boolean changed =
                "42P01".equals(state) || "42703".equals(state) || "42883".equals(state) || "42804".equals(state);
        return changed
                ? new LeveeException(
                                ErrorCode.PARTITION_BUSY,
                                "the adopted table " + adopted.adoption().source() + " was changed just now: "
                                        + failure.what(),
                                failure)
                        .hint("ask again")
                : failure;
    }
}
