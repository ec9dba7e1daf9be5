package io.levee.postgres;

import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * A table as the server shows it to each statement: a statement has one snapshot, the view none. A snapshot over the whole view would
 * hold back vacuum and keep drops waiting for the slowest reader. So of a row query that goes on behind a row: no row comes twice and
 * none is left out, unless its place in the order changed; rows that were written meanwhile come where they lie behind; partitions that
 * were dropped meanwhile are read all the same until the grace of the drop is over, and then the query fails by name.
 */
final class ParentView implements ReadView {
    private final DataSource source;
    private final Names names;
    private final Damage damage;
    private final Supplier<List<Leaf>> leaves;
    private final List<Adopted> adopted;
    private final String moved;
    private final @Nullable Set<String> wanted;
    private Set<String> held = Set.of();

    /**
     * A view.
     *
     * @param wanted the classes that rows of the filter of all that is asked may be of; null for any
     * @param adopted the table's adopted ones
     * @param moved what splittings have done to the table so far: a row that moves and one that is deleted leave its figures as they were
     * @param leaves tells the partitions that may hold rows of the view's range now
     */
    ParentView(
            DataSource source,
            Names names,
            Damage damage,
            @Nullable Set<String> wanted,
            List<Adopted> adopted,
            String moved,
            Supplier<List<Leaf>> leaves) {
        this.moved = moved;
        this.wanted = wanted;
        this.adopted = List.copyOf(adopted);
        this.source = source;
        this.names = names;
        this.damage = damage;
        this.leaves = leaves;
    }

    /**
     * The classes whose branches are read; null for all. The wanted ones are among them whether they have a partition now or not, since one
     * may get it before the statement begins.
     */
    private @Nullable List<String> classes() {
        if (wanted == null) {
            return null;
        }
        Set<String> read = new LinkedHashSet<>(wanted);
        leaves.get().forEach(leaf -> read.add(leaf.id().retentionClass()));
        return List.copyOf(read);
    }

    @Override
    public boolean pinned() {
        return false;
    }

    @Override
    public List<PartitionInfo> partitions() {
        // Sizes would be a question to the server, and nobody asks a plan for them.
        List<PartitionInfo> infos = new ArrayList<>();
        // Whether one can be left out is asked with each statement: somebody else may have written to it just now.
        adopted.forEach(a -> infos.add(a.info()));
        leaves.get().forEach(leaf -> infos.add(leaf.info(0)));
        return infos;
    }

    @Override
    public void rows(RowQuery query, Execution execution, RowSink sink) {
        try {
            boolean behind = new RowScan(source, names, query, execution, classes(), adopted).run(sink, held);
            if (behind && held.isEmpty()) {
                Set<String> now = new LinkedHashSet<>();
                leaves.get().forEach(leaf -> now.add(leaf.name()));
                held = now;
            }
        } catch (LeveeException e) {
            throw damage.named(e);
        }
    }

    @Override
    public List<ScanPart> parts(Grouping grouping) {
        if (united(grouping)) {
            return List.of(new UnitedGroups(source, names, grouping, damage, classes(), adopted));
        }
        List<ScanPart> parts = new ArrayList<>();
        parts.add(own(grouping));
        adopted.forEach(a -> parts.add(new AdoptedGroups(source, names, grouping, damage, a)));
        return parts;
    }

    /** Whether rows go from the adopted ones to the own: they move, or keys are written again. Then only one statement has each of them once. */
    private boolean united(Grouping grouping) {
        boolean keyed = grouping.spec().keyed();
        return adopted.stream().anyMatch(a -> a.split() || keyed && a.overridable());
    }

    /**
     * The groups of the table's own rows. Where a splitting begins while they are read, the adopted table answers for its rows as before,
     * and what has moved is left out here.
     */
    private GroupScan own(Grouping grouping) {
        return adopted.isEmpty()
                ? new GroupScan(source, names, grouping, damage, this::version, classes())
                : new GroupScan(source, names, grouping, damage, this::version, classes(), withoutMoved(grouping));
    }

    private String withoutMoved(Grouping grouping) {
        StringBuilder sql = new StringBuilder("(SELECT * FROM " + names.rows(grouping.spec()) + " WHERE true");
        adopted.forEach(a ->
                sql.append(" AND (_seq < '" + a.leastSeq() + "'::bigint OR _seq >= '" + a.endSeq() + "'::bigint)"));
        return sql + ") own";
    }

    /** Numbers rise with each row written or changed, and the number of rows falls with each one deleted; migrations are counted. */
    private String version() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            // What is left out of the own rows while something adopted answers for them is no answer of later.
            digest.update((moved + adopted.size()).getBytes(StandardCharsets.UTF_8));
            for (Leaf leaf : leaves.get()) {
                Leaf.Held now = leaf.held();
                String text = leaf.id() + ":" + now.rows() + ":" + now.maxSeq() + ":" + leaf.migrated() + ";";
                digest.update(text.getBytes(StandardCharsets.UTF_8));
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    @Override
    public List<PlanStep> explain(RowQuery query, Execution execution) {
        List<PlanStep> steps = new ArrayList<>();
        RowScan scan = new RowScan(source, names, query, execution, classes(), adopted);
        for (SqlBuilder statement : scan.statements()) {
            steps.add(Planned.of(source, execution, scan.settings(), statement, rowCount()));
        }
        return steps;
    }

    @Override
    public List<PlanStep> explain(Grouping grouping, Execution execution) {
        if (united(grouping)) {
            return new UnitedGroups(source, names, grouping, damage, classes(), adopted).explain(execution, rowCount());
        }
        SqlBuilder statement = own(grouping).statement();
        List<PlanStep> steps = new ArrayList<>();
        steps.add(Planned.of(source, execution, GroupScan.SETTINGS, statement, rowCount()));
        for (Adopted one : adopted) {
            steps.addAll(new AdoptedGroups(source, names, grouping, damage, one)
                    .explain(execution, one.facts().rowsEstimate()));
        }
        return steps;
    }

    private long rowCount() {
        // Of the groups of an adopted table a step of its own tells.
        return leaves.get().stream().mapToLong(leaf -> leaf.held().rows()).sum();
    }

    @Override
    public void close() {
        // Each statement has its own snapshot.
    }
}
