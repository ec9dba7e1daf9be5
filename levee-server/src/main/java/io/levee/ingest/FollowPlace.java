package io.levee.ingest;

import io.levee.engine.SourcePoint;
import io.levee.internal.json.Json;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which file was followed and what it looked like: what the store keeps, so that a later start finds the file under whatever name it has
 * by then. A file is known by its first bytes and by those before the place; its inode only decides between equal ones, because a
 * file system gives it to the next file at once.
 *
 * @param file the name it had, for people
 * @param key device and inode
 * @param headLength how many of its first bytes are known; 0: no file was read yet
 * @param head their hash
 * @param trailLength how many bytes before the place are known
 * @param trail their hash
 * @param base the position of its first byte: what {@link SourcePoint#position} counts on from
 * @param modified when it was last written, as far as was seen: milliseconds since 1970
 */
record FollowPlace(
        String file, String key, int headLength, String head, int trailLength, String trail, long base, long modified) {

    static FollowPlace of(FollowedFile file, byte[] trail) {
        return new FollowPlace(
                file.path().toString(),
                file.key(),
                file.head().length,
                hash(file.head()),
                trail.length,
                hash(trail),
                file.base(),
                file.modified());
    }

    /** No file was read yet; one that is written after this time is the first. */
    static FollowPlace waiting(String file, long base, long modified) {
        return new FollowPlace(file, "", 0, "", 0, "", base, modified);
    }

    /** Whether a file, opened at the place's offset, begins and goes on as this one did. */
    boolean matches(FollowedFile candidate) {
        byte[] first = candidate.head();
        byte[] before = candidate.trail();
        return first.length >= headLength
                && before.length >= trailLength
                && hash(Arrays.copyOf(first, headLength)).equals(head)
                && hash(Arrays.copyOfRange(before, before.length - trailLength, before.length))
                        .equals(trail);
    }

    private static String hash(byte[] bytes) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
            return HexFormat.of().formatHex(digest, 0, 12);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** As the store keeps it. */
    String text() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("file", file);
        map.put("key", key);
        map.put("headLength", headLength);
        map.put("head", head);
        map.put("trailLength", trailLength);
        map.put("trail", trail);
        map.put("base", base);
        map.put("modified", modified);
        return Json.write(map);
    }

    /** What {@link #text} made; null where nothing was kept so far. */
    static @Nullable FollowPlace parse(String state) {
        if (state.isEmpty()) {
            return null;
        }
        Map<String, @Nullable Object> map = Json.object(state);
        return new FollowPlace(
                String.valueOf(map.get("file")),
                String.valueOf(map.get("key")),
                Math.toIntExact(number(map, "headLength")),
                String.valueOf(map.get("head")),
                Math.toIntExact(number(map, "trailLength")),
                String.valueOf(map.get("trail")),
                number(map, "base"),
                number(map, "modified"));
    }

    private static long number(Map<String, @Nullable Object> map, String name) {
        if (map.get(name) instanceof Long number) {
            return number;
        }
        throw new IllegalArgumentException("the place of a followed file has no number '" + name + "'");
    }
}
