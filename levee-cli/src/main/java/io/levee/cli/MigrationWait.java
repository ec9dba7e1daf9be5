package io.levee.cli;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * Waits for migrations and tells how far they are, on standard error: a bar of the present one on a terminal, a line every few seconds elsewhere, and one
 * line when each has ended, whatever its end (guarantee G133). Used by one thread.
 */
final class MigrationWait implements AutoCloseable {
    private static final long POLL_MILLIS = 200;
    private static final long EVERY_NANOS = TimeUnit.SECONDS.toNanos(3);
    private static final int WIDTH = 110;

    /** Where a migration stays unless somebody does something. */
    private static final Set<String> ENDED = Set.of("done", "failed", "paused");

    private final Console console;
    private final Migrations migrations;
    private final Predicate<Map<?, ?>> which;
    private final CountDownLatch stop = new CountDownLatch(1);
    /** What was said last of each, so that nothing is said twice. */
    private final Map<String, String> said = new HashMap<>();

    private @Nullable ProgressBar bar;
    private String barOf = "";
    private long reported;

    /**
     * Begins to listen for SIGTERM and Ctrl-C, which end the waiting.
     *
     * @param which those that are waited for
     */
    MigrationWait(Console console, Migrations migrations, Predicate<Map<?, ?>> which) {
        this.console = console;
        this.migrations = migrations;
        this.which = which;
        this.reported = console.nanos().nanos();
        Shutdown.onSignal(stop::countDown);
    }

    /** Waits until nothing more happens to them by itself, or the process is to end. Answers how far they are. */
    Map<String, @Nullable Object> await() throws InterruptedException {
        while (true) {
            Map<String, @Nullable Object> now = migrations.status();
            List<Map<?, ?>> wanted = wanted(now, which);
            wanted.forEach(this::tell);
            boolean over = wanted.stream().allMatch(one -> ENDED.contains(text(one, "status")));
            if (over || Boolean.TRUE.equals(now.get("settled"))) {
                return now;
            }
            if (stop.await(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
                console.say(
                        migrations.here()
                                ? "stopped waiting: it goes on with the next process that opens the store for writing"
                                : "stopped waiting: the server goes on with it");
                return now;
            }
        }
    }

    /** Those of an answer that are wanted. */
    static List<Map<?, ?>> wanted(Map<String, ?> answer, Predicate<Map<?, ?>> which) {
        List<?> all = answer.get("migrations") instanceof List<?> list ? list : List.of();
        return all.stream()
                .filter(Map.class::isInstance)
                .<Map<?, ?>>map(one -> (Map<?, ?>) one)
                .filter(which)
                .toList();
    }

    private void tell(Map<?, ?> one) {
        String id = text(one, "id");
        String status = text(one, "status");
        if (ENDED.contains(status)) {
            if (!status.equals(said.put(id, status))) {
                if (bar != null && barOf.equals(id)) {
                    // Where it ended, which is seldom where it was looked at last.
                    draw(one, id);
                }
                closeBar(id);
                console.say(end(one));
            }
            return;
        }
        said.remove(id, "paused");
        said.remove(id, "failed");
        if (!status.equals("running")) {
            waits(one, id);
        } else if (console.errTerminal()) {
            draw(one, id);
        } else {
            line(one);
        }
    }

    /** What one waits for is said once, and again when it is something else. */
    private void waits(Map<?, ?> one, String id) {
        String note = text(one, "note");
        if (!note.isEmpty() && !note.equals(said.put(id, note))) {
            console.say(Printable.line(id + " waits: " + note));
        }
    }

    private void draw(Map<?, ?> one, String id) {
        ProgressBar present = bar;
        if (present == null || !barOf.equals(id)) {
            closeBar(barOf);
            present = new ProgressBarBuilder()
                    .setTaskName(id)
                    .setInitialMax(number(one, "rowsTotal"))
                    .setUnit(" rows", 1)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setConsumer(new ConsoleProgressBarConsumer(console.err(), WIDTH))
                    .setMaxRenderedLength(WIDTH)
                    .build();
            bar = present;
            barOf = id;
        }
        present.maxHint(number(one, "rowsTotal"));
        present.stepTo(number(one, "rowsDone"));
        present.setExtraMessage(Printable.line(partitions(one) + note(one)));
    }

    private void line(Map<?, ?> one) {
        long now = console.nanos().nanos();
        if (now - reported >= EVERY_NANOS) {
            reported = now;
            console.say(Printable.line(text(one, "id") + ": " + MigrationText.rows(one) + ", " + partitions(one) + ", "
                    + MigrationText.rate(one) + MigrationText.left(one) + note(one)));
        }
    }

    private static String end(Map<?, ?> one) {
        String what = Printable.line(text(one, "id") + " of " + text(one, "table") + ": " + text(one, "status") + ", "
                + MigrationText.rows(one) + ", " + partitions(one));
        Object error = one.get("error");
        return error == null ? what : what + ": " + Printable.line(error.toString());
    }

    private static String partitions(Map<?, ?> one) {
        return MigrationText.partitions(one) + " partitions";
    }

    private static String note(Map<?, ?> one) {
        String note = text(one, "note");
        return note.isEmpty() ? "" : "; " + note;
    }

    private static String text(Map<?, ?> map, String name) {
        Object value = map.get(name);
        return value == null ? "" : value.toString();
    }

    private static long number(Map<?, ?> map, String name) {
        return map.get(name) instanceof Number number ? number.longValue() : -1;
    }

    private void closeBar(String id) {
        ProgressBar present = bar;
        if (present != null && barOf.equals(id)) {
            present.close();
            bar = null;
        }
    }

    @Override
    public void close() {
        closeBar(barOf);
    }
}
