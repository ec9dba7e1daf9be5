package io.levee.testkit.fault;

import io.levee.Ack;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a writing process said before it died, read from the oracle's log. Lines are {@code A|C|D e|s number at _seq} for a record that
 * reached a level, {@code L e|s number reason} for one that was given up, and {@code P phase …}. Not thread-safe.
 */
public final class Receipts {
    /** One record's best receipt. */
    public record Told(Ack level, long number, long atMicros, long seq) {}

    private final Map<Long, Told> events = new HashMap<>();
    private final Map<Long, Told> newestState = new HashMap<>();
    private final Map<Long, Told> durableState = new HashMap<>();
    private final Map<Long, Long> seqOfKey = new HashMap<>();
    private final Map<Long, Long> durableSeqOfKey = new HashMap<>();
    private final List<String> phases = new ArrayList<>();
    private long acknowledged;
    private long givenUp;

    /** Writes a receipt as a line of the log. */
    static String line(Load.Step step, Ack level, long seq) {
        return level.name().charAt(0) + (step.keyed() ? " s " : " e ") + step.seq() + " " + step.atMicros() + " " + seq;
    }

    /** Takes a line of the log; one that was cut off by the kill is left out. */
    public void take(String line) {
        String[] words = line.split(" ", -1);
        switch (words[0]) {
            case "P" -> phases.add(line.substring(2));
            case "L" -> givenUp++;
            case "A", "C", "D" -> {
                if (words.length == 5) {
                    receipt(words);
                }
            }
            default -> {
                // A line of some logger.
            }
        }
    }

    private void receipt(String[] words) {
        Ack level = words[0].equals("A") ? Ack.ACCEPTED : words[0].equals("C") ? Ack.COMMITTED : Ack.DURABLE;
        Told told = new Told(level, Long.parseLong(words[2]), Long.parseLong(words[3]), Long.parseLong(words[4]));
        if (level != Ack.ACCEPTED) {
            acknowledged++;
        }
        if (words[1].equals("e")) {
            events.merge(told.number, told, (a, b) -> a.level.compareTo(b.level) >= 0 ? a : b);
            return;
        }
        long key = new Load.Step(true, level, told.number, told.atMicros).key();
        newestState.merge(key, told, Receipts::newer);
        seqOfKey.putIfAbsent(key, told.seq);
        if (level == Ack.DURABLE) {
            durableState.merge(key, told, Receipts::newer);
            durableSeqOfKey.putIfAbsent(key, told.seq);
        }
    }

    private static Told newer(Told a, Told b) {
        return a.number >= b.number ? a : b;
    }

    /** Plain records, by number. */
    public Map<Long, Told> events() {
        return events;
    }

    /** The newest receipted state of each key. */
    public Map<Long, Told> newestStates() {
        return newestState;
    }

    /** The row number that each key was given first. */
    public Map<Long, Long> seqOfKeys() {
        return seqOfKey;
    }

    /** What the process said about itself: {@code opening}, {@code open NANOS}, {@code closed …}. */
    public List<String> phases() {
        return phases;
    }

    /** The last phase that begins with a word; empty where there is none. */
    public String phase(String first) {
        String found = "";
        for (String phase : phases) {
            found = phase.equals(first) || phase.startsWith(first + " ") ? phase : found;
        }
        return found;
    }

    /** Receipts of level COMMITTED and DURABLE. */
    public long acknowledged() {
        return acknowledged;
    }

    /** Waits that ended with a named loss. */
    public long givenUp() {
        return givenUp;
    }

    /** Adds what another process of the same run said, but for its phases. */
    void take(Receipts other) {
        events.putAll(other.events);
        other.newestState.forEach((key, told) -> newestState.merge(key, told, Receipts::newer));
        other.seqOfKey.forEach(seqOfKey::putIfAbsent);
        other.durableState.forEach((key, told) -> durableState.merge(key, told, Receipts::newer));
        other.durableSeqOfKey.forEach(durableSeqOfKey::putIfAbsent);
    }

    /** Forgets plain records that retention may have dropped: a long run must not keep them all. */
    void forgetBefore(Instant time) {
        long floor = ChronoUnit.MICROS.between(Instant.EPOCH, time);
        events.values().removeIf(told -> told.atMicros < floor);
    }

    /** What a power cut leaves standing: the receipts of level DURABLE. */
    public Receipts durable() {
        Receipts kept = new Receipts();
        events.forEach((number, told) -> {
            if (told.level == Ack.DURABLE) {
                kept.events.put(number, told);
            }
        });
        kept.newestState.putAll(durableState);
        kept.seqOfKey.putAll(durableSeqOfKey);
        kept.durableState.putAll(durableState);
        kept.durableSeqOfKey.putAll(durableSeqOfKey);
        kept.phases.addAll(phases);
        kept.acknowledged = acknowledged;
        kept.givenUp = givenUp;
        return kept;
    }
}
