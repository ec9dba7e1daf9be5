package io.levee.bench;

import com.sun.management.OperatingSystemMXBean;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Contenders take turns in one run, after one round of warming up; medians and ratios are printed.
 *
 * @param directory where each gets a fresh directory
 * @param records how many records each writes
 * @param rounds how often each is timed
 * @param only the one contender to compare with the base, or empty for all
 */
record Contest(Path directory, int records, int rounds, String only) {
    @FunctionalInterface
    interface Contender {
        void run(Path fresh) throws Exception;
    }

    void compare(String title, Map<String, Contender> contenders, String base) throws Exception {
        Map<String, List<Double>> seconds = new LinkedHashMap<>();
        contenders.keySet().removeIf(name -> !only.isEmpty() && !name.equals(only) && !name.equals(base));
        Map<String, List<Double>> cpus = new LinkedHashMap<>();
        for (String name : contenders.keySet()) {
            seconds.put(name, new ArrayList<>());
            cpus.put(name, new ArrayList<>());
        }
        for (int round = 0; round <= rounds; round++) {
            for (Map.Entry<String, Contender> contender : contenders.entrySet()) {
                Path fresh = Files.createTempDirectory(directory, "bench");
                long start = MonotonicClock.SYSTEM.nanos();
                long cpu = cpuNanos();
                contender.getValue().run(fresh);
                double burnt = (cpuNanos() - cpu) / 1e9;
                double took = (MonotonicClock.SYSTEM.nanos() - start) / 1e9;
                delete(fresh);
                if (round > 0) {
                    Objects.requireNonNull(seconds.get(contender.getKey())).add(took);
                    Objects.requireNonNull(cpus.get(contender.getKey())).add(burnt);
                }
            }
        }
        System.out.println("# " + title + ", " + rounds + " rounds after one of warming up");
        double baseMedian = median(Objects.requireNonNull(seconds.get(base)));
        seconds.forEach((name, all) -> System.out.printf(
                "%-24s median %7.3f s  %,9.0f records/s  time against %s: %.2f  cpu %.2f s  all: %s%n",
                name,
                median(all),
                records / median(all),
                base,
                median(all) / baseMedian,
                median(Objects.requireNonNull(cpus.get(name))),
                all.stream().map(s -> String.format("%.2f", s)).toList()));
    }

    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static double median(List<Double> values) {
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
