package io.levee.bench;

import java.nio.file.Files;
import java.nio.file.Path;

/** {@code java -jar levee-bench.jar append|upsert|copy [--records N] [--rounds N] [--dir DIR] [--only NAME]}. */
public final class Main {
    private Main() {}

    /**
     * Runs one benchmark.
     *
     * @param args the benchmark's name and its options
     * @throws Exception whatever a contender throws: a benchmark that fails says nothing
     */
    public static void main(String[] args) throws Exception {
        int records = Integer.parseInt(option(args, "--records", "1000000"));
        int rounds = Integer.parseInt(option(args, "--rounds", "5"));
        Path directory = Path.of(option(args, "--dir", System.getProperty("java.io.tmpdir")));
        Contest contest = new Contest(Files.createDirectories(directory), records, rounds, option(args, "--only", ""));
        switch (args.length == 0 ? "" : args[0]) {
            case "append" -> new AppendBench(contest).append();
            case "upsert" -> new AppendBench(contest).upsert();
            case "copy" -> new CopyBench(contest).copy();
            default -> {
                System.err.println(
                        "usage: levee-bench append|upsert|copy [--records N] [--rounds N] [--dir DIR] [--only NAME]");
                System.exit(2);
            }
        }
    }

    private static String option(String[] args, String name, String fallback) {
        for (int i = 1; i < args.length - 1; i++) {
            if (args[i].equals(name)) {
                return args[i + 1];
            }
        }
        return fallback;
    }
}
