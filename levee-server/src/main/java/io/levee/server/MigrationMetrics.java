package io.levee.server;

import io.levee.MigrationStatus;
import io.levee.StoreStatus;
import java.util.List;

/**
 * Online schema changes as Prometheus text. Done ones show in the number by state alone: each of the others has lines of its own, so that these
 * stay few over the years.
 */
final class MigrationMetrics {
    private MigrationMetrics() {}

    static void write(Metrics out, StoreStatus.Migrations migrations) {
        out.gauge("levee_migrations_readable", "Whether it can be read how far the migrations are.");
        out.plain("levee_migrations_readable", migrations.error() == null ? 1 : 0);
        out.gauge("levee_migrations_paused", "Whether all work on migrations is paused.");
        out.plain("levee_migrations_paused", migrations.paused() ? 1 : 0);
        out.gauge("levee_migrations", "Declared migrations by state.");
        for (MigrationStatus.State state : MigrationStatus.State.values()) {
            out.labelled(
                    "levee_migrations",
                    migrations.all().stream().filter(m -> m.state() == state).count(),
                    "state",
                    state.text());
        }
        List<MigrationStatus> open = migrations.all().stream()
                .filter(m -> m.state() != MigrationStatus.State.DONE)
                .toList();
        out.gauge("levee_migration_rows_done", "Rows that a migration that is not done has dealt with.");
        for (MigrationStatus one : open) {
            out.labelled("levee_migration_rows_done", one.rowsDone(), "migration", one.id(), "table", one.table());
        }
        out.gauge("levee_migration_rows_total", "Rows that it has to deal with; missing before that is known.");
        for (MigrationStatus one : open) {
            if (one.rowsTotal() >= 0) {
                out.labelled(
                        "levee_migration_rows_total", one.rowsTotal(), "migration", one.id(), "table", one.table());
            }
        }
        out.gauge("levee_migration_rows_per_second", "Rows per second over the last seconds.");
        for (MigrationStatus one : open) {
            out.labelled(
                    "levee_migration_rows_per_second",
                    Math.round(one.rate()),
                    "migration",
                    one.id(),
                    "table",
                    one.table());
        }
        out.gauge(
                "levee_migration_eta_seconds", "Seconds until it is done at that rate; missing where nobody can say.");
        for (MigrationStatus one : open) {
            Double eta = one.etaSeconds();
            if (eta != null) {
                out.labelled(
                        "levee_migration_eta_seconds", Math.round(eta), "migration", one.id(), "table", one.table());
            }
        }
    }
}
