package io.levee.engine;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A class of records as a part of names: of files, of tables of a server, of partitions (guarantee G62). Classes are values of a
 * column, and so any text.
 *
 * <p>A plain word stands for itself: a letter, then letters, digits and {@code _}. Anything else is an underscore and its UTF-8 bytes,
 * of which letters and digits stand for themselves and each other one is {@code -} and two hexadecimal digits. A name is never a
 * number, never holds a dot, a slash or a quote, and is one class's alone.
 */
public final class ClassName {
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z][A-Za-z0-9_]*");

    private ClassName() {}

    /** The name of a class; empty for the empty one. */
    public static String encode(String retentionClass) {
        if (retentionClass.isEmpty() || PLAIN.matcher(retentionClass).matches()) {
            return retentionClass;
        }
        StringBuilder name = new StringBuilder("_");
        for (byte one : retentionClass.getBytes(StandardCharsets.UTF_8)) {
            if (wordByte(one)) {
                name.append((char) one);
            } else {
                name.append('-').append(HexFormat.of().toHexDigits(one));
            }
        }
        return name.toString();
    }

    private static boolean wordByte(int one) {
        return one >= '0' && one <= '9' || one >= 'A' && one <= 'Z' || one >= 'a' && one <= 'z';
    }

    /** The class of that name, or null where it is the name of none: names of files are input too. */
    public static @Nullable String decode(String name) {
        if (PLAIN.matcher(name).matches()) {
            return name;
        }
        if (!name.startsWith("_")) {
            return null;
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            for (int at = 1; at < name.length(); at++) {
                if (name.charAt(at) == '-') {
                    bytes.write(HexFormat.fromHexDigits(name, at + 1, at + 3));
                    at += 2;
                } else {
                    bytes.write(name.charAt(at));
                }
            }
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            return null;
        }
        String retentionClass = bytes.toString(StandardCharsets.UTF_8);
        return encode(retentionClass).equals(name) ? retentionClass : null;
    }
}
