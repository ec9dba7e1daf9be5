package io.levee.postgres;

import io.levee.LeveeException;
import io.levee.engine.Finding;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What an operator should know about the server below a store. Any thread; asks the server, touches no partition. */
final class Diagnosis {
    private static final Duration CLOCK_DIFFERENCE = Duration.ofSeconds(2);

    /** Connections of a store besides its queries: the writer, the catalog, a drop. */
    private static final int OWN_CONNECTIONS = 3;

    private final CatalogSession session;
    private final Catalog catalog;
    private final Names names;
    private final boolean readOnly;
    private final int queries;
    private final Clock clock;
    private final List<Finding> findings = new ArrayList<>();

    Diagnosis(CatalogSession session, Catalog catalog, boolean readOnly, int queries, Clock clock) {
        this.session = session;
        this.catalog = catalog;
        this.names = catalog.names();
        this.readOnly = readOnly;
        this.queries = queries;
        this.clock = clock;
    }

    List<Finding> run() {
        try {
            session.ask("the server cannot be asked", c -> {
                look(c);
                return true;
            });
        } catch (LeveeException e) {
            findings.add(Finding.problem(e.what(), e.hint() == null ? "see the server's log" : e.hint()));
        }
        return findings;
    }

    private void look(Connection c) throws SQLException {
        findings.clear();
        Map<String, Object> settings = ServerSettings.defaults(c);
        settings(settings);
        connections(c, settings);
        clock(c);
        rights(c);
        catalog(c);
        fulltext(c);
    }

    private void settings(Map<String, Object> settings) {
        findings.add(Finding.ok("server PostgreSQL " + settings.get("server_version") + ", encoding "
                + settings.get("server_encoding")));
        check(
                !"off".equals(settings.get("fsync")),
                "fsync is " + settings.get("fsync"),
                "set fsync = on: without it a power failure can damage everything");
        check(
                !"off".equals(settings.get("full_page_writes")),
                "full_page_writes is " + settings.get("full_page_writes"),
                "set full_page_writes = on, unless the file system never tears a page");
        check(
                !"off".equals(settings.get("data_checksums")),
                "data_checksums is " + settings.get("data_checksums"),
                "stop the server and run pg_checksums --enable: without them damage is found late or never");
        check(
                !"off".equals(settings.get("synchronous_commit")),
                "synchronous_commit is " + settings.get("synchronous_commit"),
                "records acknowledged as COMMITTED can be lost with the server; those acknowledged as DURABLE cannot");
        check(
                !"off".equals(settings.get("autovacuum")),
                "autovacuum is " + settings.get("autovacuum"),
                "set autovacuum = on: without it replaced rows stay and plans grow old");
        findings.add(Finding.ok("wal_level is " + settings.get("wal_level")));
        for (String name : List.of(
                "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")) {
            findings.add(Finding.ok(name + " is " + settings.get(name)
                    + ("0".equals(settings.get(name)) ? "" : " (the store's own connections set theirs)")));
        }
    }

    private void check(boolean well, String what, String hint) {
        findings.add(well ? Finding.ok(what) : Finding.warning(what, hint));
    }

    private void connections(Connection c, Map<String, Object> settings) throws SQLException {
        long most = Long.parseLong(String.valueOf(settings.get("max_connections")));
        long used = number(c, "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'");
        long wanted = (long) queries + OWN_CONNECTIONS;
        check(
                most - used >= queries,
                "max_connections is " + most + ", " + used + " in use; this store takes up to " + wanted,
                "raise max_connections, or open the store with fewer query threads");
    }

    private void clock(Connection c) throws SQLException {
        long before = clock.millis();
        long server = number(c, "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint");
        long here = (before + clock.millis()) / 2;
        Duration difference = Duration.ofMillis(Math.abs(server - here));
        check(
                difference.compareTo(CLOCK_DIFFERENCE) < 0,
                "the server's clock differs by " + difference.toMillis() + " ms",
                "let both machines follow a time server");
    }

    private void rights(Connection c) throws SQLException {
        if (readOnly) {
            findings.add(Finding.ok("opened for reading: no rights to write are needed"));
            return;
        }
        for (String schema : List.of(names.schema(), names.catalogSchema())) {
            boolean may = Boolean.TRUE.equals(
                    Postgres.value(c, "SELECT pg_catalog.has_schema_privilege(?, 'CREATE, USAGE')", schema));
            findings.add(
                    may
                            ? Finding.ok("the user may create tables in " + schema)
                            : Finding.problem(
                                    "the user may not create tables in " + schema,
                                    "GRANT USAGE, CREATE ON SCHEMA " + Names.quote(schema) + " TO the user"));
        }
        long foreign = number(
                c,
                "SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace IN (SELECT oid FROM"
                        + " pg_catalog.pg_namespace WHERE nspname IN (?, ?)) AND relkind IN ('r', 'p') AND NOT"
                        + " pg_catalog.pg_has_role(relowner, 'USAGE')",
                names.schema(),
                names.catalogSchema());
        findings.add(
                foreign == 0
                        ? Finding.ok("all tables of the store belong to the user")
                        : Finding.problem(
                                foreign + " tables of the store belong to another user",
                                "ALTER TABLE … OWNER TO the user: only an owner can attach and detach partitions"));
    }

    private void catalog(Connection c) throws SQLException {
        long off = number(
                c,
                "SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = (SELECT oid FROM"
                        + " pg_catalog.pg_namespace WHERE nspname = ?) AND relkind = 'r' AND"
                        + " 'autovacuum_enabled=false' = ANY (reloptions)",
                names.catalogSchema());
        check(
                off == 0,
                "autovacuum is " + (off == 0 ? "on" : "off") + " for the catalog's tables",
                "ALTER TABLE … RESET (autovacuum_enabled) for the tables of " + names.catalogSchema());
        long dead = number(
                c,
                "SELECT COALESCE(sum(pg_catalog.pg_stat_get_dead_tuples(oid)), 0)::bigint FROM pg_catalog.pg_class"
                        + " WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ?) AND"
                        + " relkind = 'r'",
                names.catalogSchema());
        check(
                dead < 1_000_000,
                dead + " dead rows in the catalog's tables",
                "autovacuum does not keep up: see long transactions in pg_stat_activity");
    }

    private void fulltext(Connection c) throws SQLException {
        boolean wanted =
                catalog.tables(c).stream().anyMatch(spec -> !spec.fulltext().isEmpty());
        if (wanted) {
            check(
                    Trigrams.operators(c) != null,
                    "columns under fulltext "
                            + (Trigrams.operators(c) == null ? "have no index" : "are indexed by pg_trgm"),
                    "CREATE EXTENSION pg_trgm SCHEMA public, in a database whose collation is not ICU's: new partitions get"
                            + " an index then; CONTAINS scans until then");
        }
    }

    private static long number(Connection c, String sql, Object... parameters) throws SQLException {
        return Postgres.value(c, sql, parameters) instanceof Number number ? number.longValue() : 0;
    }
}
