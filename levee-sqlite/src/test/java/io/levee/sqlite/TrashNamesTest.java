package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What somebody else laid into the trash costs the catalog a question a minute, not one at each step of the janitor. */
class TrashNamesTest {
    private final Set<String> dropped = new HashSet<>(Set.of("a"));
    private final List<Set<String>> asked = new ArrayList<>();
    private long millis = 1_000_000;
    private final TrashNames names = new TrashNames(this::ask, () -> millis);

    private Set<String> ask(Set<String> some) {
        asked.add(Set.copyOf(some));
        Set<String> found = new HashSet<>(some);
        found.retainAll(dropped);
        return found;
    }

    @Test
    void shouldAskAboutForeignFilesOnceAMinute() {
        for (int step = 0; step < 100; step++) {
            assertThat(names.ours(Set.of("a", "foreign"), false)).containsExactly("a");
        }
        assertThat(asked).containsExactly(Set.of("a", "foreign"));
        dropped.add("foreign");
        assertThat(names.ours(Set.of("a", "foreign", "b"), false)).containsExactly("a");
        millis += 60_000;
        assertThat(names.ours(Set.of("a", "foreign", "b"), false)).containsExactlyInAnyOrder("a", "foreign");
        assertThat(asked).containsExactly(Set.of("a", "foreign"), Set.of("b"), Set.of("foreign", "b"));
        dropped.add("b");
        assertThat(names.ours(Set.of("b"), true)).as("where space is short").containsExactly("b");
    }
}
