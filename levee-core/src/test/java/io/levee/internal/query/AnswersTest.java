package io.levee.internal.query;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.internal.supervisor.Supervisor;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Every future of a query is completed, also by a store that closes (G44-G48). */
class AnswersTest {
    private final Supervisor supervisor = new Supervisor();
    private final Answers answers = new Answers(supervisor);

    @Test
    void shouldCompleteOnAThreadOfItsOwn() throws Exception {
        answers.start();
        CompletableFuture<String> told = new CompletableFuture<>();
        answers.deliver(() -> told.complete(Thread.currentThread().getName()));
        assertThat(told.get(60, TimeUnit.SECONDS)).isEqualTo("levee-results");
        supervisor.stop();
    }

    /** The thread is younger than those of queries, so it ends before the last of them has. */
    @Test
    void shouldCompleteWhatComesAfterItsThreadHasEnded() {
        answers.start();
        supervisor.stop();
        CompletableFuture<String> told = new CompletableFuture<>();
        answers.deliver(() -> told.complete("told"));
        assertThat(told).isCompletedWithValue("told");
    }
}
