package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.TableSpec;
import io.levee.engine.WriteRow;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;

/** Random use of the queue against its invariants, and against a list that does the same slowly. */
class WriteQueueTest {
    private static final TableSpec SPEC = TableSpec.builder("t")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .build();

    @RepeatedTest(200)
    void shouldKeepItsInvariants(RepetitionInfo repetition) throws InterruptedException {
        java.util.SplittableRandom random = new java.util.SplittableRandom(repetition.getCurrentRepetition());
        TableState table = new TableState(new FakeEngine(), SPEC);
        int limit = random.nextInt(1, 40);
        long limitBytes = random.nextInt(200, 4000);
        AtomicLong nanos = new AtomicLong();
        WriteQueue queue = new WriteQueue(limit, new Bytes(limitBytes), Losses.none(), nanos::get);
        Deque<Pending> model = new ArrayDeque<>();
        List<Pending> inHand = new ArrayList<>();
        long accepted = 0;
        long lost = 0;
        long stored = 0;
        for (int step = 0; step < 1500; step++) {
            nanos.addAndGet(1_000_000_000);
            if (random.nextInt(4) > 0) {
                Waiter waiter =
                        random.nextInt(4) == 0 ? new Waiter.One(Ack.COMMITTED, new CompletableFuture<>()) : null;
                Pending record = new Pending(table, new Object[] {(long) step}, step, random.nextInt(10, 300), waiter);
                Overflow policy = random.nextInt(3) == 0
                        ? Overflow.dropNewest()
                        : random.nextInt(3) == 0 ? Overflow.reject() : Overflow.dropOldest();
                long held = model.stream().mapToLong(Pending::bytes).sum()
                        + inHand.stream().mapToLong(Pending::bytes).sum();
                boolean fits = model.size() + inHand.size() < limit && held + record.bytes() <= limitBytes;
                try {
                    queue.offer(record, policy);
                    accepted++;
                    while (!(model.size() + inHand.size() < limit && held + record.bytes() <= limitBytes)) {
                        assertThat(policy).isEqualTo(Overflow.dropOldest());
                        Pending oldest = model.stream()
                                .filter(p -> p.waiter() == null)
                                .findFirst()
                                .orElseThrow();
                        model.remove(oldest);
                        held -= oldest.bytes();
                        lost++;
                    }
                    model.add(record);
                } catch (Admission.Shed e) {
                    assertThat(fits).isFalse();
                    assertThat(record.waiter()).isNull();
                    assertThat(policy).isNotEqualTo(Overflow.reject());
                    if (policy.equals(Overflow.dropOldest())) {
                        List<Pending> staying = new ArrayList<>(inHand);
                        model.stream().filter(Pending::waited).forEach(staying::add);
                        assertThat(staying.size() >= limit
                                        || staying.stream()
                                                                .mapToLong(Pending::bytes)
                                                                .sum()
                                                        + record.bytes()
                                                > limitBytes)
                                .as("the new one goes only where nothing else could")
                                .isTrue();
                    }
                    accepted++;
                    lost++;
                } catch (LeveeException e) {
                    assertThat(fits).isFalse();
                    assertThat(e.code()).isIn(ErrorCode.QUEUE_FULL, ErrorCode.TOO_LARGE);
                    assertThat(queue.books().lost())
                            .as("nothing is evicted for a record that is refused")
                            .isEqualTo(lost);
                }
            } else if (random.nextBoolean() && !model.isEmpty()) {
                List<Pending> batch = queue.take(random.nextInt(1, 20), 500, Long.MAX_VALUE);
                for (Pending taken : batch) {
                    assertThat(taken).as("first in, first out").isSameAs(model.poll());
                }
                assertThat(batch).isNotEmpty();
                inHand.addAll(batch);
            } else if (!inHand.isEmpty()) {
                Pending done = inHand.remove(random.nextInt(inHand.size()));
                done.settle(WriteRow.Outcome.STORED, 1, null);
                queue.tried(table, List.of(done));
                stored++;
            }
            Books books = queue.books();
            assertThat(books.accepted()).isEqualTo(accepted);
            assertThat(books.lost()).isEqualTo(lost);
            assertThat(books.stored()).isEqualTo(stored);
            assertThat(books.queue().records()).isEqualTo(model.size() + inHand.size());
            assertThat(books.accepted())
                    .isEqualTo(books.stored() + books.lost() + books.queue().records());
            assertThat(books.queue().records()).isLessThanOrEqualTo(limit);
            assertThat(books.queue().bytes()).isBetween(0L, limitBytes);
        }
        assertThat(model).allMatch(p -> p.waiter() != null || p.outcome() == WriteRow.Outcome.PENDING);
    }
}
