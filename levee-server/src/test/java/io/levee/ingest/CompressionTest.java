package io.levee.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;

/** Compressed inputs: whole, in many members, cut off, damaged. */
class CompressionTest {
    private static final TableSpec SPEC =
            SpecFiles.parse("{time: at, columns: {at: {type: timestamp, format: epoch-s}, n: integer}}", "t");

    private static String lines(int from, int to) {
        StringBuilder text = new StringBuilder();
        for (int i = from; i < to; i++) {
            text.append("{\"at\":")
                    .append(i)
                    .append(",\"n\":")
                    .append(i * 7919L % 1000)
                    .append("}\n");
        }
        return text.toString();
    }

    private static byte[] gzip(String text) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            out.write(text.getBytes(UTF_8));
        }
        return bytes.toByteArray();
    }

    /** A pipe: gives little at a time and never says how much there is. */
    private static InputStream pipe(byte[] bytes) {
        return new FilterInputStream(new ByteArrayInputStream(bytes)) {
            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                return super.read(target, offset, Math.min(length, 7));
            }

            @Override
            public int available() {
                return 0;
            }
        };
    }

    private record Outcome(long good, List<LeveeException> bad, LeveeException failure) {}

    private static Outcome read(byte[] bytes) {
        long good = 0;
        List<LeveeException> bad = new ArrayList<>();
        try (RecordSource source = RecordSource.ndjson(Compression.open(pipe(bytes)), SPEC, 1 << 20)) {
            while (source.advance()) {
                try {
                    source.row();
                    good++;
                } catch (LeveeException e) {
                    bad.add(e);
                }
            }
            return new Outcome(good, bad, source.failure());
        }
    }

    private static byte[] concat(byte[]... parts) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.write(part);
        }
        return all.toByteArray();
    }

    @Test
    void plainGzipAndZstdAreToldApartByTheirBytes() throws IOException {
        String text = lines(0, 1000);
        for (byte[] bytes : List.of(text.getBytes(UTF_8), gzip(text), Zstd.compress(text.getBytes(UTF_8)))) {
            Outcome outcome = read(bytes);
            assertThat(outcome.good).isEqualTo(1000);
            assertThat(outcome.bad).isEmpty();
            assertThat(outcome.failure).isNull();
        }
        assertThat(read(new byte[0]).good).isZero();
    }

    @Test
    void everyMemberOfAGzipFileIsRead() throws IOException {
        byte[] bytes =
                concat(gzip(lines(0, 500)), gzip(lines(500, 501)), gzip(""), gzip(lines(501, 1000)), new byte[512]);
        Outcome outcome = read(bytes);
        assertThat(outcome.good).isEqualTo(1000);
        assertThat(outcome.bad).isEmpty();
    }

    @Test
    void aCutOffGzipFileKeepsWhatCameBeforeAndNamesTheLine() throws IOException {
        byte[] whole = gzip(lines(0, 5000));
        for (int cut : new int[] {whole.length / 2, whole.length - 9, whole.length - 1, 20, 5}) {
            Outcome outcome = read(Arrays.copyOf(whole, cut));
            assertThat(outcome.bad).hasSize(1);
            LeveeException error = outcome.bad.get(0);
            assertThat(error.code()).isEqualTo(ErrorCode.BAD_LINE);
            assertThat(error.details()).containsEntry("line", outcome.good + 1);
            assertThat(outcome.failure).isSameAs(error);
        }
    }

    @Test
    void aCutBetweenMembersInsideAHeaderIsNoEnd() throws IOException {
        byte[] bytes = concat(gzip(lines(0, 10)), Arrays.copyOf(gzip(lines(10, 20)), 3));
        Outcome outcome = read(bytes);
        assertThat(outcome.good).isEqualTo(10);
        assertThat(outcome.failure).isNotNull();
    }

    @Test
    void damagedBytesAreFound() throws IOException {
        byte[] bytes = gzip(lines(0, 5000));
        bytes[bytes.length - 6] ^= 0x55;
        Outcome checksum = read(bytes);
        assertThat(checksum.good).isEqualTo(5000);
        assertThat(checksum.failure.what()).contains("checksum");

        Outcome garbage = read(concat(gzip(lines(0, 10)), "garbage".getBytes(UTF_8)));
        assertThat(garbage.good).isEqualTo(10);
        assertThat(garbage.failure).isNotNull();
    }

    @Test
    void aCutOffZstdFileIsNoEnd() {
        byte[] whole = Zstd.compress(lines(0, 50_000).getBytes(UTF_8));
        Outcome outcome = read(Arrays.copyOf(whole, whole.length / 2));
        assertThat(outcome.failure).isNotNull();
        assertThat(outcome.failure.code()).isEqualTo(ErrorCode.BAD_LINE);
    }
}
