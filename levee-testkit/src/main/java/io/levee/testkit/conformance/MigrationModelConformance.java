package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Any migrations over any partitions, with rows coming in, the store closed in the middle of them and opened again: in the end each row is
 * what a model says, which changes all rows at once (guarantees G17, G121, G129, G130, G140).
 */
abstract class MigrationModelConformance extends Conformance {
    private static final int TRIALS = 3;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    MigrationModelConformance(EngineConformance kit) {
        super(kit);
    }

    @Test
    void shouldEndAsTheModelDoes() {
        try (Store store = newStore()) {
            if (!store.capabilities().contains(Capability.MIGRATIONS)) {
                return;
            }
        }
        Property.check("migrations = model", TRIALS, gen -> {
            try (Trial trial = new Trial(gen)) {
                trial.run();
            }
        });
    }

    /** A column of the model; its values are by itself, whatever its name is. */
    private static final class Field {
        String name;

        @Nullable
        Long otherwise;

        @Nullable
        Field from;

        long plus;

        Field(String name) {
            this.name = name;
        }
    }

    private final class Trial implements AutoCloseable {
        private final Gen gen;
        private final boolean keyed;
        private final String address = engine().newStore();
        private Store store;
        private final List<Field> fields = new ArrayList<>();
        private final Map<String, Map<Field, Long>> rows = new LinkedHashMap<>();
        private final List<Migration> declared = new ArrayList<>();
        /** A fill that may not have been done yet, as what it makes of a new row. */
        private @Nullable Fill pending;

        private int names;
        private int ids;

        Trial(Gen gen) {
            this.gen = gen;
            this.keyed = gen.oneIn(2);
            this.store = open(address, false);
            TableSpec.Builder spec = TableSpec.builder("t")
                    .column("id", ColumnType.TEXT)
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .partitionBy(gen.oneIn(4) ? PartitionBy.NONE : PartitionBy.DAY);
            if (keyed) {
                spec.key("id");
            }
            for (int i = 0; i < 3; i++) {
                Field field = new Field("c" + names++);
                fields.add(field);
                spec.column(field.name, ColumnType.INTEGER);
            }
            store.createTable(spec.build());
        }

        @Override
        public void close() {
            store.close();
        }

        void run() {
            append();
            for (int i = gen.between(2, Math.max(4, gen.size() / 5)); i > 0; i--) {
                switch (gen.between(0, 9)) {
                    case 0, 1 -> append();
                    case 2, 3 -> reopen();
                    case 4 -> settle();
                    case 5 -> store.pauseMigrations(null);
                    default -> migrate();
                }
                assertThat(store.count(Query.builder("t").build())).isEqualTo(rows.size());
            }
            settle();
            compare();
        }

        private void reopen() {
            if (store.capabilities().contains(Capability.PERSISTENT)) {
                store.close();
                store = open(address, false);
                store.migrate(declared, false);
            }
        }

        private void settle() {
            store.resumeMigrations(null);
            assertThat(store.awaitMigrations(PATIENCE)).isTrue();
            assertThat(store.migrations())
                    .allSatisfy(one -> assertThat(one.state()).as("%s", one).isEqualTo(State.DONE));
            pending = null;
        }

        private void append() {
            Table<Row> table = store.table("t");
            boolean behind = fields.stream().anyMatch(field -> table.spec().position(field.name) < 0);
            if (behind) {
                // A column that is renamed at its turn: a program could know neither name.
                settle();
            }
            TableSpec spec = store.table("t").spec();
            List<Row> batch = new ArrayList<>();
            for (int i = gen.between(1, Math.max(2, gen.size() * 2)); i > 0; i--) {
                batch.add(newRow(spec));
            }
            append(table, batch);
        }

        private void append(Table<Row> table, List<Row> batch) {
            MigrationModelConformance.append(table, batch);
        }

        private Row newRow(TableSpec spec) {
            Map<Field, Long> values = new LinkedHashMap<>();
            Fill fill = pending;
            for (Field field : fields) {
                if (fill != null || !gen.oneIn(4)) {
                    values.put(field, gen.between(-50L, 50L));
                }
            }
            if (fill != null) {
                // As the program's hot path keeps new rows right.
                fill.apply(values);
                values.keySet().retainAll(fields);
            }
            List<@Nullable Object> given = new ArrayList<>();
            String id = "r" + ids++;
            given.addAll(List.of("id", id, "at", NOW.minus(Duration.ofHours(gen.between(0, 24 * 5)))));
            values.forEach((field, value) -> given.addAll(List.of(field.name, value)));
            fields.stream().filter(field -> !values.containsKey(field)).forEach(field -> complete(field, values));
            rows.put(id, values);
            return row(spec, given.toArray());
        }

        /** What a row has that leaves a column null. */
        private void complete(Field field, Map<Field, Long> values) {
            Long base = field.from == null ? null : values.get(field.from);
            if (field.otherwise != null) {
                values.put(field, field.otherwise);
            } else if (base != null) {
                values.put(field, base + field.plus);
            }
        }

        private void migrate() {
            String id = String.format(java.util.Locale.ROOT, "m%03d", declared.size());
            MigrationStep step = switch (gen.between(0, 6)) {
                case 0, 1 -> add();
                case 2 -> rename();
                case 3 -> fields.size() > 2 ? drop() : add();
                case 4 -> new MigrationStep.AddIndex(IndexSpec.of("i" + names++, gen.of(fields).name));
                default -> fill();
            };
            if (step == null) {
                return;
            }
            Migration migration = new Migration(id, "t", step);
            declared.add(migration);
            MigrationStatus status = store.migrate(List.of(migration), false).get(0);
            assertThat(status.state()).isNotEqualTo(State.FAILED);
        }

        private MigrationStep add() {
            Field field = new Field("c" + names++);
            Column column = Column.of(field.name, ColumnType.INTEGER);
            List<Field> plain = fields.stream().filter(one -> one.from == null).toList();
            if (gen.oneIn(2)) {
                field.otherwise = gen.between(0L, 9L);
                column = column.withDefault(field.otherwise);
            } else if (!plain.isEmpty() && gen.oneIn(2)) {
                field.from = gen.of(plain);
                field.plus = gen.between(1L, 9L);
                column = column.withExpression(field.from.name + " + " + field.plus);
            }
            rows.values().forEach(values -> complete(field, values));
            fields.add(field);
            return new MigrationStep.AddColumn(column);
        }

        private MigrationStep rename() {
            Field field = gen.of(fields);
            String from = field.name;
            field.name = (gen.oneIn(2) ? "odd name " : "c") + names++;
            return new MigrationStep.RenameColumn(from, field.name);
        }

        private @Nullable MigrationStep drop() {
            Field field = gen.of(fields);
            boolean used = fields.stream().anyMatch(one -> one.from == field)
                    || declared.stream().anyMatch(one -> one.step() instanceof MigrationStep.AddIndex);
            if (used) {
                return null;
            }
            fields.remove(field);
            return new MigrationStep.DropColumn(field.name);
        }

        private @Nullable MigrationStep fill() {
            settleIf(pending != null);
            // Not what an expression reads: whether a null that it gave is looked at again then, engines differ
            // (docs/migrations.md).
            List<Field> free = fields.stream()
                    .filter(one -> fields.stream().noneMatch(other -> other.from == one))
                    .toList();
            if (free.isEmpty()) {
                return null;
            }
            Field target = gen.of(free);
            Field source = gen.of(fields.stream().filter(one -> one != target).toList());
            long plus = gen.between(1L, 9L);
            boolean some = gen.oneIn(3);
            Fill fill = new Fill(target, source, plus, some);
            rows.values().forEach(fill::apply);
            pending = fill;
            if (!some && gen.oneIn(3)) {
                String to = target.name;
                String from = source.name;
                return new MigrationStep.BackfillRows(
                        "1",
                        List.of(to),
                        row -> row(row.spec(), "id", row.get("id"), "at", row.get("at"), to, value(row, from) + plus));
            }
            return new MigrationStep.Backfill(
                    Map.of(target.name, "coalesce(\"" + source.name + "\", 0) + " + plus),
                    Map.of(),
                    some ? "\"" + source.name + "\" > 10" : null);
        }

        private static long value(Row row, String column) {
            return row.get(column) instanceof Long value ? value : 0;
        }

        private void settleIf(boolean condition) {
            if (condition) {
                settle();
            }
        }

        private void compare() {
            Map<String, Map<String, @Nullable Object>> expected = new LinkedHashMap<>();
            rows.forEach((id, values) -> {
                Map<String, @Nullable Object> named = new LinkedHashMap<>();
                fields.forEach(field -> named.put(field.name, values.get(field)));
                expected.put(id, named);
            });
            Map<String, Map<String, @Nullable Object>> found = new LinkedHashMap<>();
            read(store, Query.builder("t").build()).forEach(row -> {
                String id = String.valueOf(row.remove("id"));
                row.remove("at");
                assertThat(found.put(id, row)).as("%s is there once", id).isNull();
            });
            assertThat(found).as("%s", declared).containsExactlyInAnyOrderEntriesOf(expected);
        }
    }

    /** {@code target = source + plus}, of all rows or of those with a source above 10. */
    private record Fill(Field target, Field source, long plus, boolean some) {
        void apply(Map<Field, Long> values) {
            Long base = values.get(source);
            if (!some || base != null && base > 10) {
                values.put(target, Objects.requireNonNullElse(base, 0L) + plus);
            }
        }
    }
}
