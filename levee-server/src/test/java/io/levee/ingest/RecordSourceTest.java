package io.levee.ingest;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.LeveeException;
import io.levee.Row;
import io.levee.TableSpec;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What one bad record costs: itself, and it is named. */
class RecordSourceTest {
    private static final TableSpec SPEC = SpecFiles.parse("""
            time: at
            columns: {at: {type: timestamp, format: epoch-ms}, name: text, n: integer, x: real, ok: boolean, d: decimal, doc: json}
            unknown: extra
            """, "t");

    /** Each record of an input: its row, or its error as {@code line CODE what}. */
    private static List<String> read(InputStream in, TableSpec spec, int maxLine) {
        List<String> out = new ArrayList<>();
        try (RecordSource source = RecordSource.open(in, Format.AUTO, spec, maxLine)) {
            while (source.advance()) {
                try {
                    Row row = source.row();
                    out.add(source.line() + " " + row.get("name"));
                } catch (LeveeException e) {
                    assertThat(e.details()).containsEntry("line", source.line());
                    out.add(source.line() + " " + e.code() + " " + e.what());
                }
            }
        }
        return out;
    }

    private static List<String> read(String text) {
        return read(new ByteArrayInputStream(text.getBytes(UTF_8)), SPEC, 1 << 20);
    }

    private static Row one(String json) {
        try (RecordSource source = RecordSource.ndjson(new ByteArrayInputStream(json.getBytes(UTF_8)), SPEC, 1 << 20)) {
            assertThat(source.advance()).isTrue();
            Row row = source.row();
            assertThat(source.advance()).isFalse();
            return row;
        }
    }

    @Test
    void lineEndsAndBlankLinesAndTheByteOrderMarkAreNoRecords() {
        assertThat(
                        read(
                                "\uFEFF{\"at\":1,\"name\":\"a\"}\r\n\r\n  \n{\"at\":2,\"name\":\"b\"}\n\n{\"at\":3,\"name\":\"c\"}"))
                .containsExactly("1 a", "4 b", "6 c");
    }

    @Test
    void anEmptyInputHasNoRecords() {
        assertThat(read("")).isEmpty();
        assertThat(read("\n\n")).isEmpty();
        assertThat(read("\uFEFF")).isEmpty();
    }

    @Test
    void aBadLineIsNamedAndTheNextOneIsRead() {
        List<String> read = read("""
                {"at":1,"name":"a"}
                {"at":1,"name":
                nonsense
                [1,2]
                {"at":1} {"at":2}
                {"at":"x"}
                {"name":"no time"}
                {"at":7,"name":"z"}
                """);
        assertThat(read).hasSize(8);
        assertThat(read.get(0)).isEqualTo("1 a");
        assertThat(read.get(1)).startsWith("2 BAD_LINE not JSON: ");
        assertThat(read.get(2)).startsWith("3 BAD_LINE not JSON: ");
        assertThat(read.get(3)).isEqualTo("4 BAD_LINE not a JSON object");
        assertThat(read.get(4)).isEqualTo("5 BAD_LINE text after the object");
        assertThat(read.get(5)).startsWith("6 BAD_VALUE column 'at'");
        assertThat(read.get(6)).startsWith("7 NO_TIME");
        assertThat(read.get(7)).isEqualTo("8 z");
    }

    @Test
    void aFieldThatOccursTwiceIsAnErrorAtEveryLevel() {
        assertThat(read("{\"at\":1,\"name\":\"a\",\"name\":\"b\"}"))
                .containsExactly("1 BAD_LINE the field 'name' occurs twice in one object");
        assertThat(read("{\"at\":1,\"other\":1,\"other\":2}"))
                .containsExactly("1 BAD_LINE the field 'other' occurs twice in one object");
        assertThat(read("{\"at\":1,\"doc\":{\"a\":{\"b\":1,\"b\":2}}}"))
                .containsExactly("1 BAD_LINE the field 'b' occurs twice in one object");
    }

    @Test
    void sameFieldsInTheNextRecordAreNoRepeats() {
        assertThat(read("{\"at\":1,\"q\":1,\"name\":\"a\"}\n{\"name\":\"b\",\"at\":1,\"q\":1}\n{\"q\":3,\"at\":1}"))
                .containsExactly("1 a", "2 b", "3 null");
    }

    @Test
    void whatIsNotUtf8IsNamedAndNeverReplaced() {
        byte[] latin1 = "{\"at\":1,\"name\":\"M\u00fcller\"}\n{\"at\":2,\"name\":\"b\"}\n".getBytes(ISO_8859_1);
        assertThat(read(new ByteArrayInputStream(latin1), SPEC, 1 << 20))
                .containsExactly("1 BAD_LINE not UTF-8: byte 18 is 0xfc", "2 b");
    }

    @Test
    void invalidUtf8IsFoundWhereverItIs() {
        assertThat(Utf8.firstInvalid(new byte[] {'a', (byte) 0xC0, (byte) 0x80}, 0, 3))
                .isEqualTo(1);
        assertThat(Utf8.firstInvalid(new byte[] {(byte) 0xED, (byte) 0xA0, (byte) 0x80}, 0, 3))
                .isZero();
        assertThat(Utf8.firstInvalid(new byte[] {(byte) 0xF4, (byte) 0x90, (byte) 0x80, (byte) 0x80}, 0, 4))
                .isZero();
        assertThat(Utf8.firstInvalid(new byte[] {(byte) 0xE2, (byte) 0x82}, 0, 2))
                .isZero();
        byte[] good = "plain text, then ü, €, 🟥 and plain text again, long enough for words".getBytes(UTF_8);
        assertThat(Utf8.firstInvalid(good, 0, good.length)).isEqualTo(-1);
        for (int i = 0; i < good.length; i++) {
            byte[] bad = good.clone();
            bad[i] = (byte) 0xFF;
            assertThat(Utf8.firstInvalid(bad, 0, bad.length)).isBetween(Math.max(0, i - 3), i);
        }
    }

    @Test
    void numbersAreNeverRoundedInSilence() {
        assertThat(one("{\"at\":1,\"n\":9223372036854775807}").get("n")).isEqualTo(Long.MAX_VALUE);
        assertThat(read("{\"at\":1,\"n\":9223372036854775808}").get(0)).startsWith("1 BAD_VALUE column 'n'");
        assertThat(read("{\"at\":1,\"n\":1.5}").get(0)).startsWith("1 BAD_VALUE column 'n'");
        assertThat(read("{\"at\":1,\"x\":1e400}").get(0)).startsWith("1 BAD_VALUE column 'x'");
        assertThat(one("{\"at\":1,\"n\":1e3}").get("n")).isEqualTo(1000L);
        assertThat(one("{\"at\":1,\"d\":0.10}").get("d")).hasToString("0.10");
        assertThat(one("{\"at\":1,\"d\":123456789012345678901234567890.5}").get("d"))
                .hasToString("123456789012345678901234567890.5");
        assertThat(one("{\"at\":1,\"name\":1.50}").get("name")).isEqualTo("1.50");
    }

    @Test
    void nestedValuesBecomeCompactJsonWithTheirDigits() {
        assertThat(one("{\"at\":1,\"doc\": { \"a\" : [ 1.50, 1e2, null ,true ], \"b\\n\":\"\\u00e9\\\"\" } }")
                        .get("doc"))
                .isEqualTo("{\"a\":[1.50,1e2,null,true],\"b\\n\":\"é\\\"\"}");
        assertThat(read("{\"at\":1,\"name\":{\"a\":1}}").get(0)).startsWith("1 BAD_VALUE column 'name'");
    }

    @Test
    void unknownFieldsGoToExtra() {
        assertThat(one("{\"at\":1,\"new\":1.50,\"nested\":{\"a\":[]},\"none\":null}")
                        .get("extra"))
                .isEqualTo("{\"new\":1.50,\"nested\":{\"a\":[]},\"none\":null}");
    }

    @Test
    void unknownFieldsAreRefusedWhereTheTableSaysSo() {
        TableSpec strict =
                SpecFiles.parse("{time: at, columns: {at: {type: timestamp, format: epoch-ms}, name: text}}", "t");
        InputStream in =
                new ByteArrayInputStream("{\"at\":1,\"b\":{\"c\":1}}\n{\"at\":1,\"name\":\"a\"}".getBytes(UTF_8));
        assertThat(read(in, strict, 1 << 20)).containsExactly("1 UNKNOWN_COLUMN table t has no column 'b'", "2 a");
    }

    @Test
    void deepNestingIsRefused() {
        String deep = "[".repeat(300) + "]".repeat(300);
        assertThat(read("{\"at\":1,\"doc\":" + deep + "}\n{\"at\":1,\"name\":\"b\"}")
                        .get(0))
                .startsWith("1 BAD_LINE not JSON: ");
        assertThat(read("{\"at\":1,\"doc\":" + deep + "}\n{\"at\":1,\"name\":\"b\"}")
                        .get(1))
                .isEqualTo("2 b");
    }

    @Test
    void anOverlongLineIsSkippedAndNamedWithoutBeingHeld() {
        String text = "{\"at\":1,\"name\":\"a\"}\n{\"at\":1,\"name\":\"" + "x".repeat(500_000)
                + "\"}\n{\"at\":1,\"name\":\"c\"}";
        List<String> read = read(new ByteArrayInputStream(text.getBytes(UTF_8)), SPEC, 2_000);
        assertThat(read).containsExactly("1 a", "2 TOO_LARGE line 2 is longer than 2000 bytes and was skipped", "3 c");
    }

    @Test
    void aLineLongerThanTheBufferIsRead() {
        String name = "x".repeat(700_000);
        assertThat(read("{\"at\":1,\"name\":\"" + name + "\"}\n{\"at\":1,\"name\":\"b\"}"))
                .containsExactly("1 " + name, "2 b");
    }

    @Test
    void escapesOfHalfCharactersAreRefusedInTextAndKeptInJson() {
        assertThat(read("{\"at\":1,\"name\":\"\\ud83d\"}").get(0)).startsWith("1 BAD_VALUE column 'name'");
        assertThat(read("{\"at\":1,\"name\":\"\\u0000\"}").get(0)).startsWith("1 BAD_VALUE column 'name'");
        assertThat(one("{\"at\":1,\"doc\":[\"\\ud83d\",\"\\ud83d\\udfe5\",\"\\u0000\"]}")
                        .get("doc"))
                .isEqualTo("[\"\\ud83d\",\"🟥\",\"\\u0000\"]");
    }

    @Test
    void bytesReadEndAtTheSizeOfTheInput() {
        byte[] bytes = "{\"at\":1}\n{\"at\":2}\n".getBytes(UTF_8);
        try (RecordSource source = RecordSource.ndjson(new ByteArrayInputStream(bytes), SPEC, 1 << 20)) {
            assertThat(source.advance()).isTrue();
            assertThat(source.bytesRead()).isEqualTo(9);
            assertThat(source.advance()).isTrue();
            assertThat(source.advance()).isFalse();
            assertThat(source.bytesRead()).isEqualTo(bytes.length);
            assertThat(source.failure()).isNull();
        }
    }
}
