package io.levee.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** What a failed property tells. */
class PropertyTest {
    @Test
    void shouldTellTheSmallestFailureAndTheFirst() {
        assertThatThrownBy(() -> Property.check("sizes stay below 8", 1, gen -> {
                    if (gen.size() >= 8) {
                        throw new IllegalStateException("size " + gen.size());
                    }
                }))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("'sizes stay below 8' does not hold (-Dlevee.seed=")
                .hasMessageContaining("-Dlevee.size=8 runs it again): size 8")
                .cause()
                .hasMessage("size 8")
                .satisfies(smallest -> assertThat(smallest.getSuppressed())
                        .extracting(Throwable::getMessage)
                        .containsExactly("size 64"));
    }
}
