package io.levee.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** G62: a class's name in files and tables is safe, short of surprises, and tells the class again. */
class ClassNameTest {
    @Test
    void shouldLeavePlainWordsAsTheyAre() {
        assertThat(List.of("FAILURE", "failed", "Http404", "a_b"))
                .allMatch(word -> ClassName.encode(word).equals(word));
        assertThat(ClassName.encode("")).isEmpty();
    }

    @Test
    void shouldEncodeAnythingElse() {
        List<String> odd = List.of(
                "2", "..", "a.b", "a/b", "a\\b", "_", "-", "_-2f", "x~y", "it's", "%", "né", "a b", "\u0000", "日本");
        for (String text : odd) {
            String name = ClassName.encode(text);
            assertThat(name).matches("_[A-Za-z0-9-]*").isNotEqualTo(text);
            assertThat(ClassName.decode(name)).isEqualTo(text);
        }
        assertThat(odd.stream().map(ClassName::encode).distinct()).hasSameSizeAs(odd);
    }

    @Test
    void shouldDecodeOnlyWhatWasEncoded() {
        assertThat(List.of("2", "a.b", "_-", "_-2", "_-zz", "_FAILURE", "_-2F", ""))
                .allMatch(name -> ClassName.decode(name) == null);
        assertThat(ClassName.decode("FAILURE")).isEqualTo("FAILURE");
    }
}
