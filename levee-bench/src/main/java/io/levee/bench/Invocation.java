package io.levee.bench;

import io.levee.Time;
import java.time.Instant;
import java.util.Random;

/**
 * A task run as the Celery monitor of the first system keeps it: ten columns, 120 task names, 3–15 % failures.
 *
 * @param taskId 36 random characters, as Celery gives them
 */
record Invocation(
        String taskId,
        String taskName,
        String state,
        Instant receivedAt,
        Instant startedAt,
        @Time Instant finishedAt,
        double runtimeMs,
        String worker,
        String queue,
        String exceptionType) {
    private static final String[] EXCEPTIONS = {"TimeoutError", "ConnectionError", "ValueError", "KeyError"};

    /** The same run, ended at another time. */
    Invocation finishingAt(Instant at) {
        return new Invocation(
                taskId, taskName, state, receivedAt, startedAt, at, runtimeMs, worker, queue, exceptionType);
    }

    /** The same records for the same seed: evenly over a span, in the order of their ends. */
    static Invocation[] generate(int count, Instant start, long spanMillis, long seed) {
        Random random = new Random(seed);
        Invocation[] all = new Invocation[count];
        for (int i = 0; i < count; i++) {
            long millis = start.toEpochMilli() + (long) ((double) i / count * spanMillis);
            double runtime = Math.exp(random.nextGaussian() + 4);
            boolean failed = random.nextInt(100) < 9;
            int task = (int) (120 * Math.pow(random.nextDouble(), 2));
            Instant finished = Instant.ofEpochMilli(millis).plusNanos(random.nextInt(1000) * 1000L);
            Instant started = finished.minusNanos((long) (runtime * 1e6));
            all[i] = new Invocation(
                    new java.util.UUID(random.nextLong(), random.nextLong()).toString(),
                    "shop.tasks.module" + task % 12 + ".task_" + task,
                    failed ? "FAILURE" : "SUCCESS",
                    started.minusMillis(random.nextInt(200)),
                    started,
                    finished,
                    runtime,
                    "celery@worker-" + random.nextInt(24),
                    "queue-" + task % 5,
                    failed ? EXCEPTIONS[random.nextInt(EXCEPTIONS.length)] : "");
        }
        return all;
    }
}
