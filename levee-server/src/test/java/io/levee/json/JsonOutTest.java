package io.levee.json;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.ingest.SpecFiles;
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Rows and maps as JSON. */
class JsonOutTest {
    @Test
    void rowsHaveTheirNumberFirstAndTypedValues() {
        TableSpec spec = SpecFiles.parse("""
                time: at
                columns: {at: timestamp, name: text, n: integer, x: real, ok: boolean, d: decimal, took: duration, doc: json,
                          id: uuid, raw: blob, none: text}
                """, "t");
        Row row = Row.of(spec)
                .set("at", Instant.parse("2026-01-01T00:00:00.000001Z"))
                .set("name", "🟥 \"x\"\n")
                .set("n", Long.MIN_VALUE)
                .set("x", 0.1)
                .set("ok", true)
                .set("d", new BigDecimal("12345678901234567890.10"))
                .set("took", Duration.ofMillis(1500))
                .set("doc", Map.of("a", List.of(1, 2)))
                .set("id", "0cb9f0f5-5f1c-4f5e-9d4e-0123456789ab")
                .set("raw", new byte[] {1, 2, 3})
                .build();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonOut out = new JsonOut(bytes)) {
            out.row(row, List.of("at", "name", "n", "x", "ok", "d", "took", "doc", "id", "raw", "none"))
                    .newline();
            out.row(row, List.of("n", "ok", "no such column")).newline();
        }
        assertThat(bytes.toString(UTF_8)).isEqualTo("""
                        {"_seq":0,"at":"2026-01-01T00:00:00.000001Z","name":"🟥 \\"x\\"\\n","n":-9223372036854775808,"x":0.1,"ok":true,\
                        "d":12345678901234567890.10,"took":"PT1.5S","doc":{"a":[1,2]},"id":"0cb9f0f5-5f1c-4f5e-9d4e-0123456789ab",\
                        "raw":"AQID","none":null}
                        {"_seq":0,"n":-9223372036854775808,"ok":true}
                        """);
    }

    @Test
    void mapsListsAndErrorsAreWritten() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("a", Arrays.asList(1, 2.5, null, new BigDecimal("1E+3"), "x"));
        map.put("b", Map.of());
        assertThat(JsonOut.text(map)).isEqualTo("{\"a\":[1,2.5,null,1000,\"x\"],\"b\":{}}");
        LeveeException error = new LeveeException(ErrorCode.STORE_LOCKED, "locked")
                .with("pid", 7L)
                .hint("wait");
        assertThat(JsonOut.text(JsonOut.form(error)))
                .isEqualTo(
                        "{\"code\":\"LEVEE-409 STORE_LOCKED\",\"message\":\"locked\",\"hint\":\"wait\",\"details\":{\"pid\":7}}");
        assertThat(JsonOut.text(Double.POSITIVE_INFINITY)).isEqualTo("\"Infinity\"");
    }
}
