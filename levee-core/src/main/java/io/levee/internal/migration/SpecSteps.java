package io.levee.internal.migration;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Migration;
import io.levee.MigrationStep;
import io.levee.RollupSpec;
import io.levee.TableSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a migration makes of a table's spec. */
final class SpecSteps {
    private final TableSpec spec;
    private final Migration migration;
    private final boolean empty;
    private final Set<String> reached;

    private SpecSteps(TableSpec spec, Migration migration, boolean empty, Set<String> reached) {
        this.spec = spec;
        this.migration = migration;
        this.empty = empty;
        this.reached = reached;
    }

    /**
     * The spec after the step.
     *
     * @param empty whether the table has no partitions: then a step whose effect is there already has nothing to do, as in a new store
     *     whose tables are declared with their newest spec
     * @param reached names of dropped and renamed columns that no partition has any more: they may be used again
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}, {@link ErrorCode#SPEC_CONFLICT} where it does not fit
     */
    static TableSpec after(TableSpec spec, Migration migration, boolean empty, Set<String> reached) {
        if (spec.hidden()) {
            throw new LeveeException(
                            ErrorCode.SPEC_CONFLICT,
                            "the table " + spec.name() + " holds a rollup, and is the store's own")
                    .with("table", spec.name());
        }
        return new SpecSteps(spec, migration, empty, reached).after(migration.step());
    }

    private TableSpec after(MigrationStep step) {
        if (step instanceof MigrationStep.AddColumn add) {
            return added(add.column());
        }
        if (step instanceof MigrationStep.AddIndex add) {
            return indexed(add.index());
        }
        if (step instanceof MigrationStep.DropIndex drop) {
            boolean known =
                    spec.namedIndexes().stream().anyMatch(index -> index.name().equals(drop.name()));
            if (!known && !empty) {
                throw conflict("has no index named '" + drop.name() + "'")
                        .hint("named ones are "
                                + spec.namedIndexes().stream()
                                        .map(IndexSpec::name)
                                        .toList());
            }
            return spec.toBuilder().dropIndex(drop.name()).build();
        }
        if (step instanceof MigrationStep.DropColumn drop) {
            return dropped(drop.column());
        }
        if (step instanceof MigrationStep.RenameColumn rename) {
            return renamed(rename.from(), rename.to());
        }
        if (step instanceof MigrationStep.BackfillRows rows) {
            rows.columns().forEach(column -> requireSettable(spec, migration, column));
            if (rows.columns().isEmpty()) {
                throw bad("changes no columns");
            }
        }
        return spec;
    }

    private TableSpec added(Column column) {
        String name = column.name();
        String known = SqlExpression.column(spec, name);
        if (known != null) {
            Column there = spec.column(known);
            if (!known.equals(name) || there.type() != column.type() || there.detail() != column.detail()) {
                throw conflict("has the column '" + known + "' already, as "
                        + there.type().specName() + (there.detail() ? " and detail" : ""));
            }
        }
        requireFree(name);
        if (column.required() && column.defaultValue() == null) {
            throw bad("adds the required column '" + name + "' without a default, but stored rows lack it")
                    .hint("give it a default, or declare it without required");
        }
        String text = column.expression();
        if (text != null) {
            SqlExpression expression = steady(text);
            for (String used : expression.columns(spec)) {
                if (used.equals(name) || spec.column(used).expression() != null) {
                    throw bad("'" + name + "' is made of '" + used + "', which is "
                                    + (used.equals(name) ? "itself" : "an expression too"))
                            .hint("write it over columns that are stored");
                }
            }
        }
        TableSpec.Builder builder = spec.toBuilder().column(column);
        reached.forEach(free -> builder.forget(free));
        return builder.build();
    }

    private void requireFree(String name) {
        boolean former = spec.formerNames().values().stream().anyMatch(names -> names.contains(name));
        boolean taken = former || spec.droppedColumns().containsKey(name);
        if (taken && !reached.contains(name)) {
            throw conflict("had a column '" + name + "' that was " + (former ? "renamed" : "dropped")
                            + ", and some partitions have it still")
                    .hint(
                            "wait until that migration is done and dropped partitions have left the trash, or use another name");
        }
    }

    private TableSpec indexed(IndexSpec index) {
        for (IndexSpec known : spec.namedIndexes()) {
            if (known.name().equals(index.name()) && !known.equals(index)) {
                throw conflict("has an index named '" + index.name() + "' already, over " + known.parts());
            }
        }
        for (String part : index.parts()) {
            if (IndexSpec.expression(part)) {
                requireHot(steady(part), "the index '" + index.name() + "'");
            }
        }
        String where = index.where();
        if (where != null) {
            requireHot(steady(where), "the index '" + index.name() + "'");
        }
        return spec.toBuilder().index(index).build();
    }

    private void requireHot(SqlExpression expression, String what) {
        for (String column : expression.columns(spec)) {
            if (spec.column(column).detail()) {
                throw bad(what + " reads '" + column + "', which is a detail column");
            }
        }
    }

    /** An expression that gives the same for the same row each time it is asked. */
    private static SqlExpression steady(String text) {
        SqlExpression expression = SqlExpression.parse(text);
        if (expression.hasSelect()) {
            throw SqlExpression.bad(text, "it has a select, which is for backfills alone");
        }
        String unsteady = expression.unsteady();
        if (unsteady != null) {
            throw SqlExpression.bad(text, unsteady + " gives another value each time it is asked");
        }
        return expression;
    }

    private TableSpec dropped(String name) {
        if (spec.position(name) < 0) {
            if (empty) {
                return spec;
            }
            throw unknown(name);
        }
        String role = role(spec, name);
        for (IndexSpec index : spec.namedIndexes()) {
            role = role == null && uses(index, name) ? "the index '" + index.name() + "'" : role;
        }
        if (role == null && spec.indexes().stream().anyMatch(index -> index.contains(name))) {
            role = "an index";
        }
        for (Column other : spec.columns()) {
            String text = other.expression();
            if (role == null
                    && text != null
                    && SqlExpression.parse(text).columns(spec).contains(name)) {
                role = "the expression of '" + other.name() + "'";
            }
        }
        if (role != null) {
            throw conflict("cannot lose the column '" + name + "': " + role + " needs it");
        }
        return spec.toBuilder().drop(name).build();
    }

    private TableSpec renamed(String from, String to) {
        if (spec.position(from) < 0) {
            if (empty && spec.position(to) >= 0) {
                return spec;
            }
            throw unknown(from);
        }
        String known = SqlExpression.column(spec, to);
        if (known != null) {
            throw conflict("has the column '" + known + "' already");
        }
        requireFree(to);
        String role = role(spec, from);
        if (role != null) {
            throw conflict("cannot rename the column '" + from + "': " + role + " names it");
        }
        TableSpec.Builder builder =
                spec.toBuilder().rename(from, spec.column(from).named(to));
        for (IndexSpec index : spec.namedIndexes()) {
            builder.index(renamed(index, from, to));
        }
        for (Column column : spec.columns()) {
            String text = column.expression();
            if (text != null && !column.name().equals(from)) {
                builder.column(column.withExpression(
                        SqlExpression.parse(text).renamed(from, to).text()));
            }
        }
        return builder.build();
    }

    private static IndexSpec renamed(IndexSpec index, String from, String to) {
        List<String> parts = new ArrayList<>();
        for (String part : index.parts()) {
            parts.add(
                    IndexSpec.expression(part)
                            ? SqlExpression.parse(part).renamed(from, to).text()
                            : part.equals(from) ? to : part);
        }
        String where = index.where();
        return new IndexSpec(
                index.name(),
                parts,
                where == null
                        ? null
                        : SqlExpression.parse(where).renamed(from, to).text());
    }

    private boolean uses(IndexSpec index, String column) {
        String where = index.where();
        return index.parts().stream()
                        .anyMatch(part -> IndexSpec.expression(part)
                                ? SqlExpression.parse(part).columns(spec).contains(column)
                                : part.equals(column))
                || where != null && SqlExpression.parse(where).columns(spec).contains(column);
    }

    /** What of the table could not be without a column, whatever its indexes are; null for nothing. */
    static @Nullable String role(TableSpec spec, String column) {
        Map<String, Set<String>> roles = new LinkedHashMap<>();
        roles.put("the event time", new LinkedHashSet<>(spec.time()));
        roles.put("the key", new LinkedHashSet<>(spec.key()));
        Set<String> retention = new LinkedHashSet<>(spec.retention().per());
        String by = spec.retention().by();
        if (by != null) {
            retention.add(by);
        }
        roles.put("retention", retention);
        roles.put("fulltext", new LinkedHashSet<>(spec.fulltext()));
        if (spec.unknown() == TableSpec.Unknown.EXTRA) {
            roles.put("unknown: extra", Set.of(TableSpec.EXTRA_COLUMN));
        }
        for (RollupSpec rollup : spec.rollups()) {
            Set<String> used = new LinkedHashSet<>(rollup.by());
            for (Measure measure : rollup.measures()) {
                String measured = measure.column();
                if (measured != null) {
                    used.add(measured);
                }
            }
            roles.put("the rollup '" + rollup.name() + "'", used);
        }
        for (Map.Entry<String, Set<String>> role : roles.entrySet()) {
            if (role.getValue().contains(column)) {
                return role.getKey();
            }
        }
        return null;
    }

    /** Refuses a column that no backfill may change: what decides where a row lies, or which row it is. */
    static void requireSettable(TableSpec spec, Migration migration, String column) {
        if (spec.position(column) < 0) {
            throw new SpecSteps(spec, migration, false, Set.of()).unknown(column);
        }
        boolean place = spec.time().contains(column)
                || spec.key().contains(column)
                || column.equals(spec.retention().by());
        if (place) {
            throw new SpecSteps(spec, migration, false, Set.of())
                    .bad("sets '" + column + "', which decides where a row lies or which row it is");
        }
    }

    private LeveeException unknown(String column) {
        return conflict("has no column '" + column + "'")
                .hint("columns are " + spec.columns().stream().map(Column::name).toList());
    }

    private LeveeException conflict(String what) {
        return new LeveeException(
                        ErrorCode.SPEC_CONFLICT,
                        "the migration " + migration.id() + ": the table " + spec.name() + " " + what)
                .with("migration", migration.id())
                .with("table", spec.name());
    }

    private LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, "the migration " + migration.id() + " " + what)
                .with("migration", migration.id());
    }
}
