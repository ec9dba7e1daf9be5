package io.levee.server;

import io.levee.json.JsonOut;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Small JSON answers as a whole. */
final class Json {
    private Json() {}

    static String text(@Nullable Object value) {
        return JsonOut.text(value);
    }

    static byte[] bytes(@Nullable Object value) {
        return text(value).getBytes(StandardCharsets.UTF_8);
    }
}
