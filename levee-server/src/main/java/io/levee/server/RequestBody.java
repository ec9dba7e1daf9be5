package io.levee.server;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.ingest.Compression;
import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/** The body of a request: decoded as {@code Content-Encoding} says, never longer than its limit, and never held as a whole. */
final class RequestBody {
    /** RFC 9659: a decoder of {@code Content-Encoding: zstd} need not take windows past 8 MiB, so a bomb gets no more. */
    private static final int ZSTD_WINDOW_LOG = 23;

    /** A client that still sends may miss the answer; this much of what it sends is read and thrown away. */
    private static final long DRAIN_BYTES = 8 << 20;

    private RequestBody() {}

    /** The limit was passed. An {@link IOException}, so that it goes through any reader in between. */
    static final class TooLargeException extends IOException {
        private static final long serialVersionUID = 1L;

        TooLargeException(Bytes limit) {
            super("the body is larger than " + limit + " when it is decoded");
        }

        LeveeException problem() {
            return new LeveeException(ErrorCode.TOO_LARGE, String.valueOf(getMessage()))
                    .hint("send it in several requests");
        }
    }

    /**
     * Opens the decoded body.
     *
     * @throws LeveeException {@link ErrorCode#TOO_LARGE} where the length that was announced is past the limit
     * @throws HttpProblem 415 for an encoding that is not known, 400 for a body that is not of its encoding
     */
    static InputStream open(Exchange exchange, Bytes limit) throws IOException {
        Request request = exchange.request();
        long announced = request.getLength();
        if (announced > limit.value()) {
            throw new TooLargeException(limit).problem().with("limitBytes", limit.value());
        }
        String encoding = request.getHeaders().get(HttpHeader.CONTENT_ENCODING);
        InputStream raw = Content.Source.asInputStream(request);
        String name = encoding == null ? "identity" : encoding.trim().toLowerCase(Locale.ROOT);
        InputStream decoded = switch (name) {
            case "identity", "" -> raw;
            case "gzip", "x-gzip" -> Compression.open(startingWith(raw, name, 0x1f, 0x8b));
            case "zstd" ->
                new ZstdInputStreamNoFinalizer(startingWith(raw, name, 0x28, 0xb5)).setLongMax(ZSTD_WINDOW_LOG);
            default ->
                throw new HttpProblem(
                                415,
                                "UNSUPPORTED_ENCODING",
                                "the Content-Encoding '" + encoding + "' is not known",
                                "use gzip, zstd or identity")
                        .header("Accept-Encoding", "gzip, zstd, identity");
        };
        return new Limited(decoded, limit);
    }

    private static InputStream startingWith(InputStream raw, String encoding, int first, int second)
            throws IOException {
        BufferedInputStream in = new BufferedInputStream(raw, 64 << 10);
        in.mark(2);
        boolean fits = in.read() == first && in.read() == second;
        in.reset();
        if (!fits) {
            throw new HttpProblem(
                    400,
                    "BAD_ENCODING",
                    "the body is not " + encoding + ", though its Content-Encoding says so",
                    "leave the header out for plain bodies");
        }
        return in;
    }

    /** Reads a small body as UTF-8 text. */
    static String text(Exchange exchange, int maxBytes) throws IOException {
        try (InputStream in = open(exchange, new Bytes(maxBytes))) {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(in.readAllBytes()))
                    .toString();
        } catch (CharacterCodingException e) {
            throw HttpProblem.badRequest("the body is not UTF-8: " + e, null);
        } catch (TooLargeException e) {
            throw e.problem().with("limitBytes", maxBytes);
        }
    }

    /**
     * A body as one JSON object.
     *
     * @param example what to send, for the error
     * @param known the members it may have; none: any
     */
    static Map<String, @Nullable Object> object(String body, String example, String... known) {
        Map<String, @Nullable Object> fields;
        try {
            fields = io.levee.internal.json.Json.object(body);
        } catch (IllegalArgumentException e) {
            throw HttpProblem.badRequest("the body is not a JSON object: " + e.getMessage(), "send " + example);
        }
        TreeSet<String> unknown = new TreeSet<>(fields.keySet());
        unknown.removeAll(List.of(known));
        if (known.length > 0 && !unknown.isEmpty()) {
            throw HttpProblem.badRequest(
                    "unknown members: " + String.join(", ", unknown), "known are " + String.join(", ", known));
        }
        return fields;
    }

    /** A member that is text, or null where it is missing. */
    static @Nullable String text(Map<String, @Nullable Object> fields, String name) {
        Object value = fields.get(name);
        if (value == null || value instanceof String) {
            return (String) value;
        }
        throw HttpProblem.badRequest("\"" + name + "\" must be text", null);
    }

    /** Reads some of what is left, so that a client that sends before it listens gets its answer. */
    static void drain(Exchange exchange) {
        try {
            InputStream in = Content.Source.asInputStream(exchange.request());
            byte[] chunk = new byte[16 << 10];
            long left = DRAIN_BYTES;
            while (left > 0) {
                int count = in.read(chunk);
                if (count < 0) {
                    return;
                }
                left -= count;
            }
        } catch (IOException e) {
            // The client has gone, which the answer will find out by itself.
        }
    }

    private static final class Limited extends FilterInputStream {
        private final Bytes limit;
        private long left;

        Limited(InputStream in, Bytes limit) {
            super(in);
            this.limit = limit;
            this.left = limit.value();
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            count(b < 0 ? 0 : 1);
            return b;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            int count = super.read(target, offset, length);
            count(Math.max(0, count));
            return count;
        }

        private void count(int bytes) throws IOException {
            left -= bytes;
            if (left < 0) {
                throw new TooLargeException(limit);
            }
        }

        @Override
        public boolean markSupported() {
            return false;
        }
    }
}
