package io.levee.cli;

import io.levee.CloseReport;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.ingest.Follow;
import io.levee.ingest.FollowListener;
import io.levee.ingest.FollowOptions;
import io.levee.ingest.FollowReport;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** {@code levee ingest --follow}: one file followed into one table, and what the person hears of it. */
final class FollowRun implements FollowListener {
    private static final long STATUS_NANOS = TimeUnit.SECONDS.toNanos(3);

    private final Console console;
    private final String table;
    private final Path file;
    private final String source;
    private final Rejections rejections;
    private final @Nullable Duration longest;
    private final List<Map<String, Object>> gaps = new ArrayList<>();
    private final long began;
    private long said;
    private long readWhenSaid;
    private @Nullable Follow follow;

    /**
     * A run.
     *
     * @param source the name of the place that the store keeps; null: made of the file's path
     * @param longest ends by itself after that; null: never
     */
    FollowRun(
            Console console,
            String table,
            Path file,
            @Nullable String source,
            Rejections rejections,
            @Nullable Duration longest) {
        this.console = console;
        this.table = table;
        this.file = file.toAbsolutePath().normalize();
        this.source = source == null ? "follow:" + this.file : source;
        this.rejections = rejections;
        this.longest = longest;
        this.began = console.nanos().nanos();
        this.said = began;
    }

    /** Follows until it is told to stop, closes the store, and reports. Answers the failures, none where all is well. */
    List<String> run(Store store, Table<Row> into, FollowOptions options, boolean json) {
        Follow following = new Follow(file, into, source, options, this);
        follow = following;
        Shutdown.onSignal(following::stop);
        FollowReport report;
        CloseReport closed;
        try {
            console.say("following " + file + " into " + table + " of " + store.address() + " as '" + source + "'");
            report = following.run();
        } finally {
            closed = store.close(store.options().closeTimeout());
        }
        List<String> failures = new ArrayList<>();
        if (report.lost() > 0) {
            failures.add(report.lost() + " records were lost");
        }
        if (!gaps.isEmpty()) {
            failures.add(gaps.size() + (gaps.size() == 1 ? " gap" : " gaps") + " in what was read");
        }
        if (!closed.clean()) {
            failures.add("the store did not close in order: " + closed.reason());
        }
        tell(report, failures);
        if (json) {
            console.json(toMap(report, failures));
        }
        return failures;
    }

    private void tell(FollowReport report, List<String> failures) {
        console.say(String.format(
                Locale.ROOT,
                "stopped. read %,d: stored %,d, updated %,d, known %,d, rejected %,d, lost %,d, in %.1f s, %d files",
                report.read(),
                report.stored(),
                report.updated(),
                report.known(),
                report.rejected(),
                report.lost(),
                seconds(),
                report.files()));
        if (report.unsettled() > 0) {
            console.say(String.format(
                    Locale.ROOT,
                    "%,d records were not settled in time; the next start reads them again",
                    report.unsettled()));
        }
        rejections.byCode().forEach((code, count) -> console.say("rejected " + count + ": " + code));
        failures.forEach(failure -> console.say("failed: " + failure));
    }

    private Map<String, @Nullable Object> toMap(FollowReport report, List<String> failures) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("table", table);
        map.put("file", file.toString());
        map.put("source", source);
        map.put("read", report.read());
        map.put("stored", report.stored());
        map.put("updated", report.updated());
        map.put("known", report.known());
        map.put("rejected", report.rejected());
        map.put("lost", report.lost());
        map.put("unsettled", report.unsettled());
        map.put("files", report.files());
        map.put("position", report.position());
        map.put("seconds", Math.round(seconds() * 1000) / 1000.0);
        map.put("gaps", gaps);
        map.put("rejectedByCode", rejections.byCode());
        map.put("stopped", true);
        map.put("failures", failures);
        return map;
    }

    private double seconds() {
        return (console.nanos().nanos() - began) / 1e9;
    }

    @Override
    public void reading(Path now, long offset, String why) {
        console.say("reading " + now + " from byte " + offset + " (" + why + ")");
    }

    @Override
    public void rejected(Path where, long offset, LeveeException error) {
        rejections.addAt(where.toString(), "offset", offset, error);
    }

    @Override
    public void lost(long count) {
        console.say("lost " + count + " records; levee gaps " + table + " says which and why");
    }

    @Override
    public void gap(Path where, String what) {
        gaps.add(Map.of("file", where.toString(), "what", what));
        console.say("GAP " + where + ": " + what);
    }

    @Override
    public void trouble(String what) {
        console.say("levee: " + what + "; it is tried again");
    }

    @Override
    public void progress(FollowReport report, long behindBytes) {
        long now = console.nanos().nanos();
        if (longest != null && now - began >= longest.toNanos() && follow != null) {
            follow.stop();
        }
        if (now - said < STATUS_NANOS || report.read() == readWhenSaid) {
            return;
        }
        double rate = (report.read() - readWhenSaid) / ((now - said) / 1e9);
        console.say(String.format(
                Locale.ROOT,
                "read %,d (%,.0f/s): stored %,d, updated %,d, known %,d, rejected %,d, lost %,d; %,d bytes behind",
                report.read(),
                rate,
                report.stored(),
                report.updated(),
                report.known(),
                report.rejected(),
                report.lost(),
                behindBytes));
        said = now;
        readWhenSaid = report.read();
    }
}
