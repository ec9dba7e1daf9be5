package io.levee.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.LeveeException;
import io.levee.Row;
import io.levee.TableSpec;
import java.io.ByteArrayInputStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** CSV and JSON arrays. */
class OtherFormatsTest {
    private static final TableSpec SPEC = SpecFiles.parse("""
            time: at
            columns: {at: {type: timestamp, zone: UTC}, name: text, n: integer, x: real}
            unknown: extra
            """, "t");

    private static List<String> read(String text, Format format) {
        List<String> out = new ArrayList<>();
        try (RecordSource source =
                RecordSource.open(new ByteArrayInputStream(text.getBytes(UTF_8)), format, SPEC, 1 << 16)) {
            while (source.advance()) {
                try {
                    Row row = source.row();
                    out.add(source.line() + " " + row.get("name") + " " + row.get("n"));
                } catch (LeveeException e) {
                    out.add(source.line() + " " + e.code() + " " + e.what());
                }
            }
        }
        return out;
    }

    @Test
    void csvFollowsRfc4180() {
        assertThat(read(
                        "\uFEFFat,name,n,x\r\n2026-01-01,\"a \"\"quoted\"\", cell\",1,1.5\r\n2026-01-01,\"two\nlines\",2,\r\n"
                                + "2026-01-01,,3,\n\n2026-01-01,\"\",\"\",1",
                        Format.AUTO))
                .containsExactly("2 a \"quoted\", cell 1", "3 two\nlines 2", "5 null 3", "7  null");
    }

    @Test
    void csvNamesBadRecordsAndGoesOn() {
        assertThat(read("""
                        at,name,n
                        2026-01-01,a
                        2026-01-01,a"b,1
                        2026-01-01,"a"b,1
                        2026-01-01,a,one
                        2026-01-01,ok,5
                        2026-01-01,"never closed,5
                        """, Format.CSV))
                .containsExactly(
                        "2 BAD_LINE 2 cells where the header has 3",
                        "3 BAD_LINE a quote inside cell 2, which is not quoted",
                        "4 BAD_LINE text after the closing quote of cell 2",
                        "5 BAD_VALUE column 'n': 'one' is not an integer",
                        "6 ok 5",
                        "7 BAD_LINE cell 2 has no closing quote");
    }

    @Test
    void anUnclosedQuoteCostsNoMoreThanTheLongestRecord() {
        String rows = "2026-01-01,ok,5\n".repeat(10_000);
        List<String> read = read("at,name,n\n2026-01-01,\"open,1\n" + rows, Format.CSV);
        assertThat(read.get(0)).startsWith("2 TOO_LARGE");
        assertThat(read.size()).isGreaterThan(1_000);
        assertThat(read.subList(1, read.size())).allMatch(line -> line.endsWith(" ok 5"));
    }

    @Test
    void csvHeadersAreChecked() {
        assertThatThrownBy(() -> read("at,name,at\n", Format.CSV)).hasMessageContaining("names the column 'at' twice");
        assertThatThrownBy(() -> read("at,,n\n", Format.CSV)).hasMessageContaining("cell 2 of the header is empty");
        assertThat(read("", Format.CSV)).isEmpty();
    }

    @Test
    void unknownCsvColumnsGoToExtra() {
        try (RecordSource source = RecordSource.csv(
                new ByteArrayInputStream("at,more\n2026-01-01,007\n".getBytes(UTF_8)), SPEC, 1 << 16)) {
            assertThat(source.advance()).isTrue();
            assertThat(source.row().get("extra")).isEqualTo("{\"more\":\"007\"}");
        }
    }

    @Test
    void arraysAreReadElementByElement() {
        assertThat(read("""
                        [ {"at":"2026-01-01","name":"a]},{","n":1},
                          {"at":"2026-01-01","name":"q\\"]","n":2 } ,
                          7, {"at": nonsense}, ["x",{"y":1}],
                          {"at":"2026-01-01","name":"last","n":3} ]
                        """, Format.AUTO))
                .satisfiesExactly(
                        r -> assertThat(r).isEqualTo("1 a]},{ 1"),
                        r -> assertThat(r).isEqualTo("2 q\"] 2"),
                        r -> assertThat(r).isEqualTo("3 BAD_LINE not a JSON object"),
                        r -> assertThat(r).startsWith("3 BAD_LINE not JSON"),
                        r -> assertThat(r).isEqualTo("3 BAD_LINE not a JSON object"),
                        r -> assertThat(r).isEqualTo("4 last 3"));
    }

    @Test
    void anArrayThatBreaksOffKeepsWhatCameBefore() {
        String whole = "{\"at\":\"2026-01-01\",\"name\":\"a\",\"n\":1}";
        assertThat(read("[]", Format.JSON)).isEmpty();
        assertThat(read("[" + whole + "]", Format.JSON)).containsExactly("1 a 1");
        assertThat(read("[" + whole + ",{\"at\"", Format.JSON))
                .containsExactly("1 a 1", "1 BAD_LINE line 1: the array ends inside an element");
        assertThat(read("[" + whole, Format.JSON))
                .containsExactly("1 a 1", "1 BAD_LINE line 1: the array does not end");
        assertThat(read("[" + whole + "] x", Format.JSON))
                .containsExactly("1 a 1", "1 BAD_LINE line 1: there is text after the array");
        assertThat(read("[" + whole + " " + whole + "]", Format.JSON))
                .hasSize(2)
                .last()
                .asString()
                .contains("is missing");
        assertThat(read("{}", Format.JSON)).containsExactly("1 BAD_LINE line 1: the input is no JSON array");
    }
}
