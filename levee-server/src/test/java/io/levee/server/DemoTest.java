package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.RetentionEvent;
import io.levee.Store;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo, as a user runs it but for its length. */
class DemoTest {
    @TempDir
    Path directory;

    @Test
    void itFeedsRealRecordsDropsOldPartitionsAndStops() {
        List<String> messages = new ArrayList<>();
        DemoReport report = demo(6, messages, directory.resolve("6"));
        // As long as this machine needs for so much.
        int seconds = 6;
        while (seconds < 48 && (report.stored() <= 50_000 || report.dropped() < 3)) {
            seconds *= 2;
            messages.clear();
            report = demo(seconds, messages, directory.resolve(String.valueOf(seconds)));
        }
        assertThat(messages.get(0)).matches("Levee is at http://127\\.0\\.0\\.1:\\d+");
        assertThat(report.url()).isEqualTo(messages.get(0).substring("Levee is at ".length()));
        assertThat(report.stored()).isGreaterThan(50_000);
        assertThat(report.lost()).isZero();
        assertThat(report.partitions()).isGreaterThanOrEqualTo(5);
        assertThat(report.dropped()).isGreaterThanOrEqualTo(3);
        assertThat(report.toMap()).containsOnlyKeys("url", "stored", "lost", "partitions", "dropped");
        // A replay makes more due at once than retention takes by itself; nobody who looks at it should be warned of
        // that.
        try (Store store = Levee.openReadOnly(directory.resolve(String.valueOf(seconds)))) {
            assertThat(store.retentionEvents(null, 100))
                    .hasSizeGreaterThanOrEqualTo(3)
                    .allMatch(event -> event.action() == RetentionEvent.Action.DROPPED, "is no warning");
        }
    }

    private static DemoReport demo(int seconds, List<String> messages, Path store) {
        return Demo.run(new DemoOptions(0, Duration.ofSeconds(seconds), store, messages::add));
    }

    @Test
    void aDirectoryThatIsNotEmptyIsRefused() throws Exception {
        Files.writeString(directory.resolve("mine"), "x");
        assertThatThrownBy(() -> Demo.run(new DemoOptions(0, Duration.ofSeconds(1), directory, m -> {})))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.BAD_VALUE));
        assertThat(directory.resolve("mine")).exists();
    }

    @Test
    void aNamedDirectoryStays() {
        Path store = directory.resolve("demo");
        Demo.run(new DemoOptions(0, Duration.ofSeconds(2), store, m -> {}));
        assertThat(store).isNotEmptyDirectory();
    }

    @Test
    void theSampleIsInTheOrderOfItsTimes() {
        try (DemoSample sample = new DemoSample()) {
            long last = sample.firstMicros();
            int count = 0;
            DemoSample.Event event;
            while ((event = sample.poll(Long.MAX_VALUE)) != null) {
                assertThat(event.row().timeMicros()).isGreaterThanOrEqualTo(last);
                last = event.row().timeMicros();
                count++;
            }
            assertThat(count).isEqualTo(24_768 + 59_952);
            assertThat(sample.ended()).isTrue();
            assertThat(Duration.ofNanos((last - sample.firstMicros()) * 1000)).isLessThanOrEqualTo(DemoSample.span());
        }
    }
}
