package io.levee.cli;

import java.util.Locale;

/**
 * The sets of real records in {@code ../shared/data}, with what is asked about each.
 *
 * <p>The filter is read by Levee's language and, as the same text, by SQLite.
 */
enum DataSet {
    APACHE_ACCESS_2015(
            "clientip",
            "bytes",
            "(response = 404 OR bytes > 100000) AND NOT (agent LIKE '%BOT%') AND ident IN ('-', 'x') OR referrer IS NULL"),
    AZURE_LLM_REQUESTS_2023(
            "_src",
            "ContextTokens",
            "_src IN ('code') AND (ContextTokens > 2000 OR GeneratedTokens < 10) AND NOT (_src LIKE 'conv%') OR"
                    + " ContextTokens IS NULL"),
    BORG_JOB_EVENTS(
            "user",
            "job ID",
            "\"event type\" IN (4, 5) AND NOT (\"scheduling class\" = 0) AND (\"job name\" LIKE '%/%' OR \"missing info\" IS"
                    + " NOT NULL)"),
    BORG_TASK_EVENTS(
            "user",
            "CPU request",
            "\"event type\" IN (1, 2, 3) AND (\"machine ID\" IS NULL OR priority >= 9) AND NOT (user LIKE 'F%')"),
    CLUSTERCOCKPIT_JOBS(
            "hpc_user",
            "energy",
            "cluster IN ('alex', 'x') AND (num_hwthreads > 16 OR subcluster LIKE 'A1%') AND NOT (project = 'iwi5') OR shared IS"
                    + " NULL"),
    EDIT_CLOWNSCHOOL(
            "agent",
            "idx",
            "agent IN (0, 1) AND (numChildren > 1 OR patches LIKE '%\"e\"%') AND NOT (idx < 100) OR time IS NULL"),
    GIT_OPS_COUCHDB(
            "author_name",
            "similarity",
            "status IN ('R', 'D') AND (path LIKE '%.ERL' OR similarity IS NULL) AND NOT (author_name = 'Jan Lehnardt')"),
    GIT_OPS_KAFKA(
            "author_name",
            "similarity",
            "status IN ('R', 'D') AND (path LIKE '%.JAVA' OR similarity IS NULL) AND NOT (author_name = 'Jay Kreps')"),
    GIT_OPS_TIGERBEETLE(
            "author_name",
            "similarity",
            "status IN ('R', 'D', 'A') AND (path LIKE '%.JS' OR similarity > 90 OR seq IS NULL) AND NOT (author_name = 'x')"),
    LORAWAN_HELIUM(
            "dev_eui",
            "payload_size",
            "port IN (1, 2) AND (payload_size > 10 OR type IS NOT NULL) AND NOT (name LIKE '%20cbc')"),
    LORAWAN_SAINTEYNARD(
            "deviceName",
            "_redundancy",
            "fPort IS NULL OR (_redundancy IN (5, 6) AND NOT (data LIKE '%A=') AND adr = true)"),
    LORAWAN_TOURPERRET(
            "devaddr", "payload_size", "port IN (5, 6) AND (fcnt < 100 OR fcnt IS NULL) AND NOT (payload LIKE '%a=')"),
    METACENTRUM_WAGAP_2013(
            "queue_name",
            "requested_memory",
            "queue_name IN ('q_1d', 'q_2h') AND (run_time < 0 OR requested_processors >= 8) AND NOT (node_spec LIKE"
                    + " '%ZEWURA%') OR node_spec IS NULL"),
    NGINX_PLUS_STATUS_2015(
            "nginx_version",
            "pid",
            "pid IN (64857, 64858) AND (generation = 11 OR version IS NULL) AND NOT (address LIKE '10.%')"),
    PEGASUS_STAMPEDE_EVENTS(
            "event", "_line", "level IN ('Info') AND (event LIKE '%.END' OR \"job.id\" IS NULL) AND NOT (_line < 100)"),
    PGBOUNCER_2023(
            "database",
            "line_no",
            "side IS NULL OR (side IN ('S') AND NOT (message LIKE 'CLOSING%') AND \"database\" = 'retail')"),
    POSTGRES_VACUUM_2024(
            "level",
            "pid",
            "level IN ('LOG', 'x') AND (line_part = 1 OR session_line > 100 OR pid IS NULL) AND NOT (level LIKE 'err%')"),
    UPPTIME_CHECKS(
            "repo",
            "responseTime",
            "status IN ('down', 'degraded') AND (code = 0 OR responseTime >= 1000) AND NOT (repo LIKE '%SEKLFREAK%') AND subject"
                    + " LIKE '%🟥%' OR url IS NULL");

    private final String group;
    private final String number;
    private final String filter;

    DataSet(String group, String number, String filter) {
        this.group = group;
        this.number = number;
        this.filter = filter;
    }

    /** The name of the table, the file and the spec. */
    String table() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The column to group by. */
    String group() {
        return group;
    }

    /** A column of numbers. */
    String number() {
        return number;
    }

    String filter() {
        return filter;
    }
}
