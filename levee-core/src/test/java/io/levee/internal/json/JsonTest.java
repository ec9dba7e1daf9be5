package io.levee.internal.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    @Test
    void shouldReadBackWhatItWrites() {
        for (int seed = 0; seed < 2000; seed++) {
            Object value = value(new SplittableRandom(seed), 0);
            assertThat(Json.parse(Json.write(value))).as("seed %s", seed).isEqualTo(value);
        }
    }

    private static Object value(SplittableRandom random, int depth) {
        return switch (random.nextInt(depth > 4 ? 6 : 8)) {
            case 0 -> null;
            case 1 -> random.nextInt(2) == 0;
            case 2 -> random.nextLong(-99_999_999_999_999_999L, 99_999_999_999_999_999L) / (1L << random.nextInt(60));
            case 3 -> new BigDecimal(random.nextLong() + ".5e" + random.nextInt(40));
            case 4, 5 -> text(random);
            case 6 -> {
                List<Object> list = new ArrayList<>();
                for (int i = random.nextInt(5); i > 0; i--) {
                    list.add(value(random, depth + 1));
                }
                yield list;
            }
            default -> {
                Map<String, Object> map = new LinkedHashMap<>();
                for (int i = random.nextInt(5); i > 0; i--) {
                    map.put(text(random), value(random, depth + 1));
                }
                yield map;
            }
        };
    }

    private static String text(SplittableRandom random) {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(12); i > 0; i--) {
            text.append((char) (random.nextInt(3) == 0 ? random.nextInt(0x10000) : random.nextInt(0x80)));
        }
        return text.toString();
    }

    @Test
    void shouldReadEscapesAndBlanks() {
        assertThat(Json.parse(" { \"a\\u00fc\\n\\/\" : [ 1 , -2.50 , true ,null ] } "))
                .hasToString("{aü\n/=[1, -2.50, true, null]}");
        assertThat(Json.object("{}")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "[",
                "[1,]",
                "{\"a\"}",
                "{\"a\":}",
                "{a:1}",
                "\"open",
                "\"\\x\"",
                "\"\\u12\"",
                "\"\\u+123\"",
                "tru",
                "nul",
                "1 2",
                "-",
                "1e",
                "'a'",
                "\"\n\"",
                "[1 2]",
                "+1",
                "01",
                ".5",
                "NaN"
            })
    void shouldRefuseWhatIsNotJson(String text) {
        assertThatThrownBy(() -> Json.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void shouldRefuseDepthsAndNumbersWithoutAForm() {
        assertThatThrownBy(() -> Json.parse("[".repeat(100_000))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Json.write(List.of(Double.NaN))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Json.write(Map.of("a", Double.POSITIVE_INFINITY)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
