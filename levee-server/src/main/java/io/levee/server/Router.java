package io.levee.server;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Finds the endpoint of a method and a path such as {@code /v1/tables/{t}/records}. Immutable once it serves. */
final class Router {
    /** What a route costs, which decides how many may run at once. */
    enum Weight {
        /** Answered from memory. */
        LIGHT,
        /** Reads records: counted against {@link ServerOptions#maxRequests}, may wait for its turn. */
        READING,
        /** Changes something: counted against {@link ServerOptions#maxRequests}, turned away where there is no room. */
        HEAVY
    }

    /** What answers a request. */
    @FunctionalInterface
    interface Endpoint {
        /**
         * Answers.
         *
         * @throws Exception any failure: it becomes an error answer, or cuts off an answer that has begun
         */
        void handle(Exchange exchange) throws Exception;
    }

    /** One route. A segment in braces takes any one segment, and {@value #REST} at the end takes one or more. */
    record Route(String method, List<String> segments, Weight weight, Endpoint endpoint) {
        private static final String REST = "{...}";

        @Nullable
        Map<String, String> match(List<String> path) {
            int fixed = segments.size();
            if (segments.get(fixed - 1).equals(REST)) {
                fixed--;
            }
            if (path.size() < segments.size() || (path.size() > fixed && fixed == segments.size())) {
                return null;
            }
            Map<String, String> variables = new LinkedHashMap<>();
            for (int i = 0; i < fixed; i++) {
                String segment = segments.get(i);
                if (segment.startsWith("{")) {
                    variables.put(segment.substring(1, segment.length() - 1), path.get(i));
                } else if (!segment.equals(path.get(i))) {
                    return null;
                }
            }
            return variables;
        }
    }

    /**
     * A route that fits.
     *
     * @param variables the values of its braces
     * @param segments the path's segments from the route's last one on: the values of {@code {...}}
     */
    record Match(Route route, Map<String, String> variables, List<String> segments) {}

    private final List<Route> routes = new ArrayList<>();

    /** Adds a route answered from memory; those of GET answer HEAD too. */
    Router light(String method, String path, Endpoint endpoint) {
        routes.add(new Route(method, split(path), Weight.LIGHT, endpoint));
        return this;
    }

    /** Adds a route that reads records. */
    Router reading(String method, String path, Endpoint endpoint) {
        routes.add(new Route(method, split(path), Weight.READING, endpoint));
        return this;
    }

    /** Adds a route that changes something, or takes long. */
    Router heavy(String method, String path, Endpoint endpoint) {
        routes.add(new Route(method, split(path), Weight.HEAVY, endpoint));
        return this;
    }

    /**
     * Finds the route, or refuses with 404, or with 405 and the methods there are.
     *
     * @param path the path as it was sent: split first and decoded then, so that a segment may hold any character
     */
    Match find(String method, String path) {
        List<String> segments = split(path).stream().map(Router::decoded).toList();
        TreeSet<String> allowed = new TreeSet<>();
        for (Route route : routes) {
            Map<String, String> variables = route.match(segments);
            if (variables != null) {
                if (answers(route, method)) {
                    return new Match(
                            route, variables, segments.subList(route.segments().size() - 1, segments.size()));
                }
                allowed.add(route.method());
                if (answers(route, "HEAD")) {
                    allowed.add("HEAD");
                }
            }
        }
        if (allowed.isEmpty()) {
            throw new HttpProblem(404, "NO_ROUTE", "there is nothing at " + path, "see docs/http.md for the routes");
        }
        String methods = String.join(", ", allowed);
        throw new HttpProblem(405, "METHOD_NOT_ALLOWED", path + " does not take " + method, "use " + methods)
                .header("Allow", methods);
    }

    private static boolean answers(Route route, String method) {
        return route.method().equals(method)
                || (method.equals("HEAD") && route.method().equals("GET") && route.weight() == Weight.LIGHT);
    }

    private static String decoded(String segment) {
        try {
            // In a path a plus is a plus.
            return URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw HttpProblem.badRequest("the path has a broken escape: " + segment, "encode it as UTF-8 with %XX");
        }
    }

    private static List<String> split(String path) {
        return List.of((path.startsWith("/") ? path.substring(1) : path).split("/", -1));
    }
}
