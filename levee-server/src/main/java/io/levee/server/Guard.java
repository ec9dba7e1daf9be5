package io.levee.server;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Set;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

/**
 * Keeps web pages of other sites away from a server that trusts everybody on this machine.
 *
 * <p>A page can make a browser send requests to loopback. It cannot choose the {@code Host} header (so a foreign name that
 * was pointed at 127.0.0.1 shows), and it cannot suppress {@code Origin} on writes. Immutable.
 */
final class Guard {
    private static final Set<String> SAFE_METHODS = Set.of("GET", "HEAD", "OPTIONS");
    private static final Set<String> LOOPBACK_NAMES = Set.of("localhost", "127.0.0.1", "[::1]", "::1");

    private final String configured;

    Guard(ServerOptions options) {
        this.configured = options.host().toLowerCase(Locale.ROOT);
    }

    /** Refuses with 403 what no honest client sends. */
    void check(Request request) {
        String authority = request.getHeaders().get(HttpHeader.HOST);
        String host = authority == null ? Request.getServerName(request) : withoutPort(authority);
        if (!known(host)) {
            throw new HttpProblem(
                    403,
                    "FOREIGN_HOST",
                    "the request was sent to the host '" + host + "', which is not this server",
                    "use the address that the server printed");
        }
        String origin = request.getHeaders().get(HttpHeader.ORIGIN);
        if (origin != null && !SAFE_METHODS.contains(request.getMethod()) && !sameOrigin(origin, authority)) {
            throw new HttpProblem(
                    403,
                    "FOREIGN_ORIGIN",
                    "a page of " + origin + " may not write here",
                    "write from a program, or from this server's own page");
        }
    }

    private boolean known(String host) {
        String lower = host.toLowerCase(Locale.ROOT);
        return LOOPBACK_NAMES.contains(lower) || lower.equals(configured) || lower.equals("[" + configured + "]");
    }

    private static boolean sameOrigin(String origin, @Nullable String authority) {
        try {
            String from = new URI(origin).getRawAuthority();
            return from != null && authority != null && from.equalsIgnoreCase(authority);
        } catch (URISyntaxException e) {
            // "null" and garbage are no origin of ours.
            return false;
        }
    }

    private static String withoutPort(String authority) {
        int bracket = authority.indexOf(']');
        int colon = authority.indexOf(':', Math.max(0, bracket));
        return colon < 0 ? authority : authority.substring(0, colon);
    }
}
