package io.levee.cli;

import io.levee.Bytes;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** How far long work is: a bar on a terminal, a line every few seconds elsewhere; on standard error. */
final class Progress implements AutoCloseable {
    private static final long EVERY_NANOS = TimeUnit.SECONDS.toNanos(3);
    private static final int WIDTH = 100;

    private final Console console;
    private final long began;
    private final @Nullable ProgressBar bar;
    private long reported;

    /**
     * Starts to report.
     *
     * @param console where to
     * @param totalBytes the size of all inputs, or -1 where it is unknown
     */
    Progress(Console console, long totalBytes) {
        this.console = console;
        this.began = console.nanos().nanos();
        this.reported = began;
        this.bar = console.errTerminal()
                ? new ProgressBarBuilder()
                        .setTaskName("ingest")
                        .setInitialMax(totalBytes)
                        .setUnit(" MiB", 1 << 20)
                        .setStyle(ProgressBarStyle.ASCII)
                        .setConsumer(new ConsoleProgressBarConsumer(console.err(), WIDTH))
                        .setMaxRenderedLength(WIDTH)
                        .build()
                : null;
    }

    /**
     * Work went on.
     *
     * @param records records read so far
     * @param bytes bytes of the inputs, as they lie on disk, read so far
     */
    void at(long records, long bytes) {
        if (bar != null) {
            bar.stepTo(bytes);
            bar.setExtraMessage(String.format(Locale.ROOT, "%,d records", records));
            return;
        }
        long now = console.nanos().nanos();
        if (now - reported >= EVERY_NANOS) {
            reported = now;
            double seconds = (now - began) / 1e9;
            console.say(String.format(
                    Locale.ROOT,
                    "read %,d records, %s, %,.0f records/s",
                    records,
                    new Bytes(bytes),
                    records / seconds));
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
