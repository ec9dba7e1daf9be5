package io.levee.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.testkit.Requirements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.assertj.core.api.SoftAssertions;

/** Levee's answers about one table, in files of one directory, to be compared by the {@code sqlite3} shell. */
record Answers(Path dir, DataSet set, Path store) {
    /** The records, what was rejected of them, and the answers. */
    static final List<String> FILES = List.of(
            "records", "errors", "sql", "query", "newest", "oldest", "where", "groups", "groups_where", "sql_groups");

    private static final Pattern NEXT = Pattern.compile("next page: --after (\\S+)");
    private static final int PAGE = 5_000;

    Run levee(Object... words) {
        Run run = Run.levee(with(words));
        assertThat(run.status()).as(run.err()).isZero();
        return run;
    }

    private Run ask(String file, Object... words) {
        Run run = Run.appendTo(dir.resolve(file), with(words));
        assertThat(run.status()).as(run.err()).isZero();
        return run;
    }

    private Object[] with(Object... words) {
        List<Object> all = new ArrayList<>(Arrays.asList(words));
        all.addAll(List.of("--store", store));
        return all.toArray();
    }

    /**
     * Asks for everything and has the shell compare it with the records.
     *
     * @return the figures of the comparison, by name: how much was compared
     */
    Map<String, Long> compare() throws IOException {
        String table = set.table();
        Map<String, Object> spec = levee("table", "show", table, "--json").json();
        PlainTable plain = new PlainTable(set, spec);
        ask("sql", "sql", plain.allRows(), "--format", "json");
        walk();
        ask("newest", "query", table, "--limit", 50, "--json");
        ask("oldest", "query", table, "--limit", 50, "--order", "oldest", "--json");
        String time = spec.get("time").toString();
        ask("where", "query", table, "--where", set.filter(), "--columns", time, "--limit", 1_000_000, "--json");
        String number = "(" + PlainColumn.quoted(set.number()) + ")";
        String functions = "count,count@,sum@,avg@,min@,max@".replace("@", number);
        Object[] groups = {"aggregate", table, "--by", PlainColumn.quoted(set.group()), "--fn", functions, "--json"};
        ask("groups", groups);
        Object[] filtered = Arrays.copyOf(groups, groups.length + 2);
        filtered[groups.length] = "--where";
        filtered[groups.length + 1] = set.filter();
        ask("groups_where", filtered);
        ask("sql_groups", "sql", plain.groupsInSql(), "--json");
        return shell(plain.script());
    }

    /** All pages of {@code query}, newest first. */
    private void walk() {
        String after = null;
        do {
            List<Object> words =
                    new ArrayList<>(List.of("query", set.table(), "--limit", PAGE, "--details", "--format", "json"));
            if (after != null) {
                words.addAll(List.of("--after", after));
            }
            Matcher next = NEXT.matcher(ask("query", words.toArray()).err());
            after = next.find() ? next.group(1) : null;
        } while (after != null);
    }

    private Map<String, Long> shell(String script) throws IOException {
        Path file = Files.writeString(dir.resolve("script.sql"), script);
        Path printed = dir.resolve("printed");
        Process process = new ProcessBuilder(
                        Requirements.tool("sqlite3").toString(), "-batch", "-bail", "-init", "/dev/null", "plain.db")
                .directory(dir.toFile())
                .redirectInput(file.toFile())
                .redirectErrorStream(true)
                .redirectOutput(printed.toFile())
                .start();
        try {
            assertThat(process.waitFor()).as(Files.readString(printed)).isZero();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while the shell compared", e);
        }
        return figures(Files.readAllLines(printed, UTF_8));
    }

    private static Map<String, Long> figures(List<String> lines) {
        Map<String, Long> compared = new LinkedHashMap<>();
        SoftAssertions softly = new SoftAssertions();
        for (String line : lines) {
            String[] parts = line.split("\t", 4);
            if (parts.length < 4) {
                softly.assertThat(line)
                        .as("what the shell says to its first pragma")
                        .isEqualTo("off");
                continue;
            }
            compared.put(parts[0], Long.parseLong(parts[1]));
            softly.assertThat(parts[2])
                    .as(parts[0] + ": differences; " + parts[3])
                    .isEqualTo("0");
            softly.assertThat(compared.get(parts[0]))
                    .as(parts[0] + ": compared")
                    .isPositive();
            if (parts[0].equals("rows")) {
                compared.put("repeated keys", Long.parseLong(parts[3]));
            }
        }
        softly.assertAll();
        return compared;
    }
}
