package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KeyFilterTest {
    private static long hash(long key) {
        return KeyFilter.hash(new Object[] {"key " + key, key});
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 256, 5_000, 300_000})
    void shouldNeverDenyAKeyAndSeldomConfirmAnother(int keys) {
        KeyFilter filter = new KeyFilter(1000);
        for (int i = 0; i < keys; i++) {
            filter.add(hash(i));
        }
        KeyFilter stored = KeyFilter.fromBytes(filter.toBytes());
        for (int i = keys; i < keys + 100; i++) {
            stored.add(hash(i));
        }
        int wrong = 0;
        for (int i = 0; i < keys + 100; i++) {
            assertThat(stored.mayContain(hash(i))).isTrue();
        }
        for (int i = 0; i < 100_000; i++) {
            wrong += filter.mayContain(hash(10_000_000L + i)) ? 1 : 0;
        }
        assertThat(wrong).as("of 100,000").isLessThan(5_000);
        assertThat(filter.bytes()).isLessThan(2_500 + keys * 10L);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void shouldHashValuesThatAreEqualAlikeAndOthersApart(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        java.util.Set<Long> seen = new java.util.HashSet<>();
        for (int i = 0; i < 20_000; i++) {
            long bits = random.nextLong();
            List<Object[]> keys = List.of(
                    new Object[] {bits},
                    new Object[] {"" + bits},
                    new Object[] {new byte[] {(byte) bits, (byte) (bits >> 8), 7}, bits},
                    new Object[] {"" + bits, "x"},
                    new Object[] {"x", "" + bits});
            for (Object[] key : keys) {
                assertThat(KeyFilter.hash(key.clone())).isEqualTo(KeyFilter.hash(key));
                seen.add(KeyFilter.hash(key));
            }
        }
        assertThat(seen).hasSize(100_000);
    }
}
