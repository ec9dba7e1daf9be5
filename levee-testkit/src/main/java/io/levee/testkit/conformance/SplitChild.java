package io.levee.testkit.conformance;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ManualClock;
import io.levee.PartitionId;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.SplittableRandom;

/**
 * The main class of a JVM that goes on with the splitting of an adopted monitor, writes some of its keys anew meanwhile, and stops dead at a
 * point if it is told one. Arguments: the class of its {@link Splittings}, the store's address, the point or {@code -}, a seed.
 */
final class SplitChild {
    static final int ROWS = 6_000;
    static final int AT_ONCE = 600;
    static final PartitionId ADOPTED = new PartitionId("invocations", "", "adopted", 1);

    private SplitChild() {}

    /** See the class. */
    public static void main(String[] arguments) throws ReflectiveOperationException {
        Splittings splittings = Class.forName(arguments[0])
                .asSubclass(Splittings.class)
                .getDeclaredConstructor()
                .newInstance();
        long seed = Long.parseLong(arguments[3]);
        String dead = arguments[2];
        // The end is come to once.
        int[] left = {dead.equals(splittings.compared()) ? 1 : (int) (seed & 3)};
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        Store store = splittings.open(
                arguments[1],
                AT_ONCE,
                point -> {
                    if (point.equals(dead) && --left[0] <= 0) {
                        Runtime.getRuntime().halt(1);
                    }
                },
                o -> o.clock(new ManualClock(Conformance.NOW))
                        .memory(Bytes.mebi(64))
                        .queryThreads(2));
        Table<Row> table = store.table("invocations");
        // Before it may come to its point.
        out.println("ready");
        store.split(ADOPTED);
        SplittableRandom random = new SplittableRandom(seed);
        while (store.splits().get(0).state() != SplitStatus.State.DONE) {
            String key = OldTables.key(random.nextInt(ROWS));
            Instant at = OldTables.BEGIN.plus(Duration.ofHours(20));
            table.append(OldTables.invocation(table.spec(), key, "again", at), Ack.COMMITTED)
                    .join();
            out.println("stored " + key);
        }
        store.close();
        out.println("done");
    }
}
