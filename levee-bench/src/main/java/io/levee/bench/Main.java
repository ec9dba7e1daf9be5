package io.levee.bench;

import java.io.IOException;

/** {@code java -jar levee-bench.jar NAME [--option value]…}; see {@link #USAGE}. */
public final class Main {
    private static final String USAGE = """
            usage: levee-bench append|upsert|copy [--records N] [--rounds N] [--only NAME]
                   levee-bench enqueue [--producers 1,2,4,8] [--iterations 10]
                   levee-bench latency [--rates 1000,10000,50000] [--seconds 30] [--ack COMMITTED]
                   levee-bench receipts [--records 500000] [--single 50000] [--callers 1,16,64] [--rounds 3]
                   levee-bench queries [--rows 400000] [--rounds 7]
                   java -Xms512m -Xmx512m -jar levee-bench.jar overload [--minutes 10] [--producers 2] [--queue 50000]
                   each: [--dir DIR]""";

    private Main() {}

    /**
     * Runs one benchmark.
     *
     * @param args the benchmark's name and its options
     * @throws Exception whatever a contender throws: a benchmark that fails says nothing
     */
    public static void main(String[] args) throws Exception {
        Options options = Options.of(args);
        switch (args.length == 0 ? "" : args[0]) {
            case "append" -> new AppendBench(contest(options)).append();
            case "upsert" -> new AppendBench(contest(options)).upsert();
            case "copy" -> new CopyBench(contest(options)).copy();
            case "enqueue" -> EnqueueBench.run(options);
            case "latency" -> new LatencyBench(options).run();
            case "receipts" -> new ReceiptBench(options).run();
            case "queries" -> new QueriesBench(options).run();
            case "overload" -> System.exit(new OverloadBench(options).run() ? 0 : 1);
            default -> {
                System.err.println(USAGE);
                System.exit(2);
            }
        }
    }

    private static Contest contest(Options options) throws IOException {
        return new Contest(
                options.directory(),
                options.number("--records", 1_000_000),
                options.number("--rounds", 5),
                options.text("--only", ""));
    }
}
