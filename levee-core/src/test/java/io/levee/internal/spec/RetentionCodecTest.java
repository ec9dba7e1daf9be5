package io.levee.internal.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code retention:} says, and that it is said back (G70, G71; pain 24). */
class RetentionCodecTest {
    private static Map<String, Object> form(String retention) {
        return new LinkedHashMap<>(
                Json.object("{\"table\": \"checks\", \"time\": \"at\", \"columns\": {\"at\": \"timestamp\","
                        + " \"monitor\": \"text\", \"state\": \"text\", \"up\": \"boolean\", \"ms\": \"real\","
                        + " \"body\": {\"type\": \"text\", \"detail\": true}}, \"retention\": " + retention + "}"));
    }

    private static RetentionRule rule(String retention) {
        return TableSpec.fromMap(form(retention)).retention();
    }

    @Test
    void shouldReadWhatPeopleWrite() {
        assertThat(rule("{\"maxAge\": \"30d\", \"maxBytes\": \"20GiB\", \"keepNewest\": 1000, \"per\": [\"monitor\"]}"))
                .isEqualTo(RetentionRule.builder()
                        .maxAge(Duration.ofDays(30))
                        .maxBytes(Bytes.gibi(20))
                        .keepNewest(1000, "monitor")
                        .build());
        assertThat(rule("{\"keepNewest\": \"1000\", \"per\": \"monitor\"}").per())
                .containsExactly("monitor");
        assertThat(rule("{\"unbounded\": true}")).isEqualTo(RetentionRule.UNBOUNDED);
        assertThat(rule("{\"unbounded\": false}")).isEqualTo(RetentionRule.KEEP_ALL);
        assertThat(rule("null")).isEqualTo(RetentionRule.KEEP_ALL);
        RetentionRule classes = rule("{\"by\": \"state\", \"FAILURE\": \"90d\", \"default\": \"7d\"}");
        assertThat(classes)
                .isEqualTo(RetentionRule.builder()
                        .by("state")
                        .keep("FAILURE", Duration.ofDays(90))
                        .maxAge(Duration.ofDays(7))
                        .build());
        assertThat(classes.ageOf("FAILURE")).isEqualTo(Duration.ofDays(90));
        assertThat(classes.ageOf("")).isEqualTo(Duration.ofDays(7));
        assertThat(classes.longestAge()).isEqualTo(Duration.ofDays(90));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"maxAge\": \"30d\"}",
                "{\"maxAge\": \"90s\", \"maxBytes\": 5000, \"keepNewest\": 7}",
                "{\"keepNewest\": 1000, \"per\": [\"monitor\", \"up\"]}",
                "{\"unbounded\": true}",
                "{\"by\": \"state\", \"FAILURE\": \"90d\", \"default\": \"7d\"}",
                "{\"by\": \"state\", \"FAILURE\": \"1y\", \"keepNewest\": 9, \"per\": \"monitor\"}",
                "{\"by\": \"up\", \"true\": \"1h\", \"unbounded\": true}",
                "{\"by\": \"state\", \"classes\": {\"default\": \"1h\", \"maxBytes\": \"2h\", \"by\": \"3h\"}, \"default\": \"4h\"}",
                "{\"by\": \"state\", \"classes\": \"5h\"}",
                "{}"
            })
    void shouldSayBackWhatItRead(String retention) {
        TableSpec spec = TableSpec.fromMap(form(retention));
        assertThat(TableSpec.fromMap(spec.toMap()).retention()).isEqualTo(spec.retention());
        Map<String, Object> kept = new LinkedHashMap<>(Json.object(Json.write(SpecCodec.plain(spec))));
        kept.putAll(Json.object(Json.write(SpecCodec.added(spec))));
        assertThat(TableSpec.fromMap(kept)).as("as the catalogs keep it").isEqualTo(spec);
        assertThat(TableSpec.fromMap(kept).retention()).isEqualTo(spec.retention());
    }

    /** A class may be named as an entry is. */
    @Test
    void shouldTellClassesFromEntries() {
        RetentionRule rule =
                rule("{\"by\": \"state\", \"classes\": {\"default\": \"1h\", \"by\": \"3h\"}, \"default\": \"4h\"}");
        assertThat(rule.classes()).isEqualTo(Map.of("default", Duration.ofHours(1), "by", Duration.ofHours(3)));
        assertThat(rule.maxAge()).isEqualTo(Duration.ofHours(4));
    }

    /** An older release keeps more than the rule says, or refuses; it never drops more. */
    @Test
    void shouldKeepWhatOlderReleasesReadApart() {
        TableSpec numbered = TableSpec.fromMap(form("{\"maxAge\": \"30d\", \"keepNewest\": 7}"));
        assertThat(SpecCodec.plain(numbered)).containsEntry("retention", Map.of("maxAge", "30d"));
        assertThat(SpecCodec.added(numbered)).containsEntry("retention", Map.of("maxAge", "30d", "keepNewest", 7L));
        TableSpec plain = TableSpec.fromMap(form("{\"maxAge\": \"30d\"}"));
        assertThat(SpecCodec.added(plain)).isEmpty();
        TableSpec classes = TableSpec.fromMap(form("{\"by\": \"state\", \"FAILURE\": \"90d\"}"));
        assertThat(SpecCodec.plain(classes)).containsEntry("retention", Map.of("by", "state", "FAILURE", "90d"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "{'maxAge': '0s'} | maxAge must be longer than 0",
                "{'maxBytes': 0} | maxBytes must be more than 0",
                "{'keepNewest': 0} | keepNewest must be at least 1",
                "{'keepNewest': -5} | keepNewest must be at least 1",
                "{'keepNewest': 'many'} | keepNewest must be a whole number of rows (got many)",
                "{'per': ['monitor']} | needs keepNewest",
                "{'keepNewest': 5, 'per': ['nobody']} | the column 'nobody', which is not declared",
                "{'keepNewest': 5, 'per': ['body']} | which is a detail column",
                "{'keepNewest': 5, 'per': ['up', 'up']} | names a column twice",
                "{'keepNewest': 99000000, 'per': ['up']} | needs a keepNewest from 1 to 10000000",
                "{'unbounded': true, 'maxAge': '3d'} | contradicts the bound",
                "{'unbounded': 'yes'} | unbounded must be true or false",
                "{'FAILURE': '3d'} | unknown entry 'FAILURE'",
                "{'by': 'state'} | needs the age of at least one",
                "{'by': 'state', 'FAILURE': 'x'} | 'x' is no length of time",
                "{'by': 'state', '': '3d'} | a class has a name",
                "{'by': 'ms', 'FAILURE': '3d'} | which is real, none of text",
                "{'by': 'body', 'FAILURE': '3d'} | which is a detail column",
                "{'by': 'state', 'FAILURE': '3d', 'maxAge': '1d', 'default': '2d'} | both default and maxAge",
                "[] | must be a map"
            })
    void shouldRefuse(String retention, String why) {
        assertThatThrownBy(() -> rule(retention.replace('\'', '"'))).isInstanceOfSatisfying(LeveeException.class, e -> {
            assertThat(e.code()).isIn(ErrorCode.BAD_SPEC, ErrorCode.BAD_VALUE);
            assertThat(e).hasMessageContaining(why);
        });
    }

    @Test
    void shouldKnowWhatBoundsATable() {
        assertThat(List.of(RetentionRule.KEEP_ALL, RetentionRule.UNBOUNDED)).noneMatch(RetentionRule::bounded);
        assertThat(rule("{\"keepNewest\": 5}").bounded()).isTrue();
        assertThat(rule("{\"by\": \"state\", \"FAILURE\": \"3d\"}").bounded())
                .as("rows of other states are kept for ever")
                .isFalse();
        assertThat(rule("{\"by\": \"state\", \"FAILURE\": \"3d\"}").longestAge())
                .isNull();
    }
}
