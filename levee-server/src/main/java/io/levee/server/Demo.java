package io.levee.server;

import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Store;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The server and its page on a fresh store, fed live from a bundled sample of real records.
 *
 * <p>The sample is replayed faster than it happened, each record with the time it has: hours of it pass in seconds, so that
 * partitions appear and retention drops the oldest while one looks. When it ends nothing more is fed.
 */
public final class Demo {
    private static final Duration REPLAY = Duration.ofMinutes(2);
    /** Never by itself: what a replay of hours in seconds makes due at once would be more than retention takes by itself. */
    private static final Duration NO_PASSES = Duration.ofDays(365);

    private static final long RETAIN_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long TICK_MILLIS = 50;
    private static final long REPORT_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long STOP_SECONDS = 15;

    private final DemoOptions options;
    private final Store store;
    private final LeveeServer server;
    private final DemoFeed feed;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;

    private Demo(DemoOptions options, Store store, LeveeServer server, DemoFeed feed) {
        this.options = options;
        this.store = store;
        this.server = server;
        this.feed = feed;
    }

    /**
     * Runs the demo until its time is over, or the process is told to end (SIGTERM, Ctrl-C); then stops cleanly.
     *
     * @param options how
     * @return what it did
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for a directory that is not empty, {@link ErrorCode#IO_FAILED}, and
     *     what {@link Levee#open} and {@link LeveeServer#start} throw
     */
    public static DemoReport run(DemoOptions options) {
        Path directory = directory(options.directory());
        CountDownLatch stop = new CountDownLatch(1);
        CountDownLatch stopped = new CountDownLatch(1);
        // The JVM takes no other form of shutdown hook than a thread. It only waits for this one to close what it
        // opened.
        Thread hook = new Thread(() -> awaitStop(stop, stopped), "levee-demo-stop");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            return run(options, directory, stop);
        } finally {
            if (options.directory() == null) {
                delete(directory);
            }
            stopped.countDown();
            removeHook(hook);
        }
    }

    private static DemoReport run(DemoOptions options, Path directory, CountDownLatch stop) {
        try (DemoSample sample = new DemoSample();
                Store store = Levee.open(
                        directory,
                        o -> o.asOf(Micros.instant(sample.firstMicros())).retentionEvery(NO_PASSES));
                LeveeServer server =
                        LeveeServer.start(store, ServerOptions.of(ServerOptions.DEFAULT_HOST, options.port()))) {
            options.messages().accept("Levee is at " + server.url());
            DemoFeed feed = new DemoFeed(store, sample, replay(options.duration()));
            return new Demo(options, store, server, feed).play(stop);
        }
    }

    /** The whole sample in most of the time there is, or in two minutes. */
    private static Duration replay(@Nullable Duration duration) {
        return duration == null ? REPLAY : duration.multipliedBy(85).dividedBy(100);
    }

    private DemoReport play(CountDownLatch stop) {
        options.messages()
                .accept(String.format(
                        Locale.ROOT,
                        "replaying %d hours of a cluster's real job and task events (2011) at %,.0f times their speed",
                        DemoSample.span().toHours(),
                        feed.speed()));
        long began = clock.nanos();
        long reported = began;
        long retained = began;
        boolean ended = false;
        while (!over(clock.nanos() - began) && !pause(stop)) {
            feed.advance(clock.nanos() - began);
            if (clock.nanos() - retained >= RETAIN_NANOS) {
                retained = clock.nanos();
                feed.retain();
            }
            if (!ended && feed.ended()) {
                ended = true;
                options.messages().accept("the sample has ended; nothing more is fed. " + feed.progress());
            } else if (!ended && clock.nanos() - reported >= REPORT_NANOS) {
                reported = clock.nanos();
                options.messages().accept(feed.progress());
            }
        }
        return finish();
    }

    private boolean over(long elapsedNanos) {
        Duration duration = options.duration();
        return duration != null && elapsedNanos >= duration.toNanos();
    }

    /** Waits for a tick. Returns whether the demo is told to end. */
    private static boolean pause(CountDownLatch stop) {
        try {
            return stop.await(TICK_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    private DemoReport finish() {
        options.messages().accept("stopping");
        feed.settle();
        String url = server.url();
        server.close();
        feed.look();
        CloseReport report = store.close(store.options().closeTimeout());
        return new DemoReport(url, report.stored(), report.lost(), feed.live(), feed.dropped());
    }

    private static Path directory(@Nullable Path wanted) {
        try {
            if (wanted == null) {
                return Files.createTempDirectory("levee-demo-");
            }
            Files.createDirectories(wanted);
            try (Stream<Path> entries = Files.list(wanted)) {
                if (entries.findAny().isPresent()) {
                    throw new LeveeException(
                                    ErrorCode.BAD_VALUE, wanted + " is not empty; the demo begins with a fresh store")
                            .hint("name a directory that does not exist yet");
                }
            }
            return wanted;
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "no directory for the demo's store: " + e, e);
        }
    }

    private static void delete(Path directory) {
        try (Stream<Path> walk = Files.walk(directory)) {
            List<Path> deepestFirst = walk.sorted(Comparator.reverseOrder()).toList();
            for (Path path : deepestFirst) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            System.getLogger("io.levee.server")
                    .log(System.Logger.Level.WARNING, "the demo's directory " + directory + " stays: " + e);
        }
    }

    private static void awaitStop(CountDownLatch stop, CountDownLatch stopped) {
        stop.countDown();
        try {
            if (!stopped.await(STOP_SECONDS, TimeUnit.SECONDS)) {
                System.getLogger("io.levee.server").log(System.Logger.Level.WARNING, "the demo did not stop in time");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void removeHook(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending, and the hook is what waits for this very line.
        }
    }
}
