package io.levee.cli;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** Store addresses as people type them: a directory, or {@code postgres://user@host/db?schema=…}. */
final class Addresses {
    /** Also where a stray '@' or blank makes it no address at all: what looks like a password is taken for one. */
    private static final Pattern USER_PASSWORD = Pattern.compile("(://[^@:]*):.*@");

    private static final Pattern PARAMETER = Pattern.compile("(?i)([?&](?:ssl)?password=)[^&\\s]*");

    private Addresses() {}

    /** Whether a password stands in it: between user and host, or as a parameter. */
    static boolean holdsPassword(String address) {
        return USER_PASSWORD.matcher(address).find()
                || PARAMETER.matcher(address).find()
                || PARAMETER.matcher(decoded(address)).find();
    }

    /** Names of parameters may be escaped, too. */
    private static String decoded(String address) {
        try {
            return URLDecoder.decode(address, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            // A stray percent sign: no engine takes such an address.
            return address;
        }
    }

    /** A text that may repeat an address, without the passwords in it. */
    static String redacted(String text) {
        String withoutUser = USER_PASSWORD.matcher(text).replaceAll("$1:…@");
        return PARAMETER.matcher(withoutUser).replaceAll("$1…");
    }
}
