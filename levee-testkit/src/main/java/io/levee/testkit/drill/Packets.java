package io.levee.testkit.drill;

import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.TableSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Packets as the radio analyser of the incidents keeps them: transmissions, and who heard each of them. Each is drawn by its numbers alone,
 * so that what a backfill has to find can be told of any of them. Immutable.
 *
 * <p>Nearly all records are observations; one transmission in twenty was heard by nobody, and those are what the incident's cure never got done with.
 */
final class Packets {
    static final String TRANSMISSIONS = "transmissions";
    static final String OBSERVATIONS = "observations";

    /** The column that the backfill fills: when a transmission was heard last. */
    static final String LAST_SEEN = "last_seen";

    static final List<String> TRANSMISSION = List.of(
            "hash", "first_seen", "route_type", "payload_type", "from_pubkey", "raw_hex", "decoded_json", LAST_SEEN);

    static final List<String> OBSERVATION =
            List.of("hash", "rx_time", "observer", "snr", "rssi", "path_json", "resolved_path", "raw_hex");

    static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");

    /** The analyser's 71,000 transmissions are those of somewhat less than a week. */
    static final int DAYS = 6;

    /** When the writing begins: what is left of the day outlasts every drill. */
    static final Instant LIVE = BEGIN.plus(Duration.ofDays(DAYS)).plus(Duration.ofHours(1));

    /** The last hour of the old history, of which readers ask again and again: as much at the drill's end as at its beginning. */
    static final Instant LAST_HOUR = LIVE.minus(Duration.ofHours(2));

    /** New records come as one transmission and those who heard it. */
    static final int LIVE_BLOCK = 22;

    /** Numbers of new transmissions are far above the old ones. */
    private static final long LIVE_NUMBER = 1L << 32;

    private static final long SEED = 0x9E3779B97F4A7C15L;
    private static final int UNHEARD_PERCENT = 5;
    private static final int OBSERVERS = 60;
    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final long SPREAD_MICROS = 4_000_000;

    private final long transmissions;
    private final double heard;

    /**
     * A history.
     *
     * @param transmissions how many
     * @param observations how many of these, as near as numbers that are drawn come to it
     */
    Packets(long transmissions, long observations) {
        this.transmissions = transmissions;
        this.heard = observations * 100.0 / (100 - UNHEARD_PERCENT) / transmissions;
    }

    long transmissions() {
        return transmissions;
    }

    private static SplittableRandom random(long number, long salt) {
        return new SplittableRandom(SEED * (number + 1) + salt);
    }

    /** How many heard a transmission; 0 for one in twenty. */
    int heardBy(long number) {
        SplittableRandom random = random(number, 1);
        return random.nextInt(100) < UNHEARD_PERCENT ? 0 : 1 + random.nextInt((int) Math.max(1, 2 * heard - 1));
    }

    /** A transmission's key. */
    static String hash(long number) {
        return HEX.toHexDigits(random(number, 2).nextLong());
    }

    /** When an old transmission was sent, microseconds. */
    long sent(long number) {
        long span = Duration.ofDays(DAYS).toSeconds() * 1_000_000;
        return JobStores.micros(BEGIN) + (long) (span * ((double) number / transmissions));
    }

    /** When the nth of those who heard a transmission did, microseconds; not in the order of n. */
    long heardAt(long number, int n) {
        return sent(number) + 1000 + random(number, 1000 + n).nextLong(SPREAD_MICROS);
    }

    /** What the backfill has to find: the latest of them, or 0 where nobody heard it. */
    long lastSeen(long number) {
        long latest = 0;
        for (int i = heardBy(number) - 1; i >= 0; i--) {
            latest = Math.max(latest, heardAt(number, i));
        }
        return latest;
    }

    /** An old transmission by {@link #TRANSMISSION}, as it was before anybody thought of {@link #LAST_SEEN}. */
    Object[] transmission(long number) {
        return transmission(number, sent(number));
    }

    private static Object[] transmission(long number, long sent) {
        SplittableRandom random = random(number, 3);
        int type = random.nextInt(12);
        return new Object[] {
            hash(number),
            sent,
            (long) random.nextInt(4),
            (long) type,
            HEX.toHexDigits(random.nextInt(400) * SEED) + HEX.toHexDigits(SEED),
            hex(random, 10 + random.nextInt(10)),
            "{\"type\":" + type + ",\"hops\":" + random.nextInt(8) + ",\"dest\":\"" + hex(random, 1) + "\",\"src\":\""
                    + hex(random, 1) + "\",\"mac\":\"" + hex(random, 1) + "\",\"cipher\":\"" + hex(random, 16) + "\"}",
            null
        };
    }

    /** The way a packet took: names of what passed it on, short or of so many words. */
    private static String path(SplittableRandom random, int hops, int words) {
        StringBuilder path = new StringBuilder("[");
        for (int i = 0; i < hops; i++) {
            String name = words == 0 ? hex(random, 1).substring(0, 2) : hex(random, words);
            path.append(i == 0 ? "\"" : ",\"").append(name).append('"');
        }
        return path.append(']').toString();
    }

    private static String hex(SplittableRandom random, int words) {
        StringBuilder hex = new StringBuilder();
        for (int i = 0; i < words; i++) {
            hex.append(HEX.toHexDigits(random.nextLong()));
        }
        return hex.toString();
    }

    /** An old observation by {@link #OBSERVATION}. */
    Object[] observation(long number, int n) {
        return observation(number, n, heardAt(number, n));
    }

    private static Object[] observation(long number, int n, long at) {
        SplittableRandom random = random(number, 2000 + n);
        return new Object[] {
            hash(number),
            at,
            "observer-" + random.nextInt(OBSERVERS),
            random.nextInt(-48, 60) / 4.0,
            (double) random.nextInt(-125, -30),
            path(random, 2 + n % 7, 0),
            path(random, 2 + n % 7, 4),
            hex(random, 26)
        };
    }

    /** The number of the transmission that the nth new record is, or belongs to. */
    static long ofLive(long n) {
        return LIVE_NUMBER + n / LIVE_BLOCK;
    }

    /** Whether the nth new record is a transmission. */
    static boolean liveTransmission(long n) {
        return n % LIVE_BLOCK == 0;
    }

    /** The nth new record; a transmission comes with what the backfill would put there: the hot path keeps new rows right. */
    static Object[] live(long n, Instant at) {
        long micros = JobStores.micros(at);
        if (!liveTransmission(n)) {
            return observation(ofLive(n), (int) (n % LIVE_BLOCK), micros);
        }
        Object[] values = transmission(ofLive(n), micros);
        values[TRANSMISSION.indexOf(LAST_SEEN)] = micros;
        return values;
    }

    /** The tables in Levee. */
    static List<TableSpec> specs() {
        TableSpec.Builder transmissions = TableSpec.builder(TRANSMISSIONS)
                .time("first_seen")
                .key("hash")
                .partitionBy(PartitionBy.DAY)
                .index("payload_type", "first_seen");
        TRANSMISSION.forEach(column -> transmissions.column(column, type(column)));
        TableSpec.Builder observations = TableSpec.builder(OBSERVATIONS)
                .time("rx_time")
                .partitionBy(PartitionBy.DAY)
                .index("hash")
                .index("observer", "rx_time");
        OBSERVATION.forEach(column -> observations.column(column, type(column)));
        return List.of(transmissions.build(), observations.build());
    }

    private static ColumnType type(String column) {
        return switch (column) {
            case "first_seen", "rx_time", LAST_SEEN -> ColumnType.TIMESTAMP;
            case "route_type", "payload_type" -> ColumnType.INTEGER;
            case "snr", "rssi" -> ColumnType.REAL;
            default -> ColumnType.TEXT;
        };
    }

    /** A record as a row of Levee's. */
    static Row row(TableSpec spec, List<String> columns, Object[] values) {
        var row = Row.of(spec);
        for (int i = 0; i < values.length; i++) {
            boolean time = type(columns.get(i)) == ColumnType.TIMESTAMP && values[i] != null;
            row.set(columns.get(i), time ? Invocations.instant((Long) values[i]) : values[i]);
        }
        return row.build();
    }
}
