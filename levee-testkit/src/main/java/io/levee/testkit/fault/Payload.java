package io.levee.testkit.fault;

import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;

/**
 * What every record of a fault test carries: {@code seq|crc32c|f(seed, seq)}. So each byte of a row can be judged without a copy of
 * what was written. The checksum covers the event time too. Pure functions.
 */
public final class Payload {
    private static final int SHORTEST = 16;
    private static final int LONGEST = 240;
    private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 éß😀";
    private static final int[] ALPHABET = LETTERS.codePoints().toArray();

    private Payload() {}

    /**
     * The payload of one record.
     *
     * @param seed the run's
     * @param seq the record's number in the run
     * @param atMicros its event time, microseconds since the epoch
     */
    public static String of(long seed, long seq, long atMicros) {
        String body = body(seed, seq);
        return seq + "|" + Long.toHexString(crc(seq, atMicros, body)) + "|" + body;
    }

    /**
     * What is wrong with a payload that was read.
     *
     * @return a text for people, empty where every byte is right
     */
    public static String wrong(long seed, long seq, long atMicros, Object read) {
        if (of(seed, seq, atMicros).equals(read)) {
            return "";
        }
        String text = String.valueOf(read);
        String[] parts = text.split("\\|", 3);
        if (parts.length != 3 || !parts[0].equals(Long.toString(seq))) {
            return "record " + seq + " holds the payload '" + shortened(text) + "'";
        }
        return parts[2].equals(body(seed, seq))
                ? "record " + seq + " has another checksum or event time: " + atMicros
                : "record " + seq + " has a damaged payload: '" + shortened(parts[2]) + "'";
    }

    private static String shortened(String text) {
        return text.length() <= 60 ? text : text.substring(0, 60) + "…";
    }

    private static String body(long seed, long seq) {
        SplittableRandom random = new SplittableRandom(seed ^ (seq * 0x9E3779B97F4A7C15L));
        int length = random.nextInt(SHORTEST, LONGEST);
        StringBuilder body = new StringBuilder(length);
        for (int i = 0; i < length; i++) {
            body.appendCodePoint(ALPHABET[random.nextInt(ALPHABET.length)]);
        }
        return body.toString();
    }

    private static long crc(long seq, long atMicros, String body) {
        CRC32C crc = new CRC32C();
        crc.update((seq + "|" + atMicros + "|" + body).getBytes(StandardCharsets.UTF_8));
        return crc.getValue();
    }
}
