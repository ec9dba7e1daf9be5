package io.levee.internal.adopt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.SplitStatus;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Several splittings on one thread (G25): one that fails keeps none of the others from going on, and is told. */
class SplitServiceTest {
    private static final PartitionId BROKEN = new PartitionId("a", "", "adopted", 1);
    private static final PartitionId WELL = new PartitionId("b", "", "adopted", 1);

    /** Two splittings, of which the first fails at each step. */
    private static final class Two implements SplitService.Work {
        private final Map<PartitionId, SplitState> states = new ConcurrentHashMap<>();

        @Override
        public List<SplitState> all() {
            return states.values().stream()
                    .sorted((x, y) -> x.id().toString().compareTo(y.id().toString()))
                    .toList();
        }

        @Override
        public long rows(PartitionId id) {
            return 10;
        }

        @Override
        public void requireRoom(SplitState from) {
            // There is room for all.
        }

        @Override
        public SplitState put(SplitState from, SplitStatus.State state, String note) {
            SplitState now = states.getOrDefault(from.id(), from).with(state, note);
            states.put(from.id(), now);
            return now;
        }

        @Override
        public String further(SplitState split, Task running) {
            if (split.id().equals(BROKEN)) {
                throw new LeveeException(ErrorCode.INTERNAL, "broken for good");
            }
            put(split, SplitStatus.State.DONE, "");
            return "";
        }

        @Override
        public @Nullable String waitsFor(LeveeException e) {
            return null;
        }
    }

    @Test
    void shouldGoOnWithTheOthersWhereOneFails() {
        Supervisor supervisor = new Supervisor();
        Two work = new Two();
        SplitService service = new SplitService(work, supervisor);
        service.restless();
        try {
            service.split(BROKEN, true);
            await().until(() -> !supervisor.failing().isEmpty());
            service.split(WELL, true);
            await().until(() -> work.all().get(1).state() == SplitStatus.State.DONE);
            await().until(() -> !supervisor.failing().isEmpty());
            assertThat(service.statuses().get(0).note()).contains("broken for good");
            assertThat(service.statuses().get(0).state()).isEqualTo(SplitStatus.State.RUNNING);
        } finally {
            supervisor.stop();
        }
    }
}
