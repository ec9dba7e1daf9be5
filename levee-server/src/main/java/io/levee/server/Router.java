package io.levee.server;

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
        /** Reads or writes records: counted against {@link ServerOptions#maxRequests}. */
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

    /** One route. A segment in braces takes any one segment. */
    record Route(String method, List<String> segments, Weight weight, Endpoint endpoint) {
        @Nullable
        Map<String, String> match(List<String> path) {
            if (path.size() != segments.size()) {
                return null;
            }
            Map<String, String> variables = new LinkedHashMap<>();
            for (int i = 0; i < path.size(); i++) {
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

    /** A route that fits, with the values of its braces. */
    record Match(Route route, Map<String, String> variables) {}

    private final List<Route> routes = new ArrayList<>();

    /** Adds a route answered from memory; those of GET answer HEAD too. */
    Router light(String method, String path, Endpoint endpoint) {
        routes.add(new Route(method, split(path), Weight.LIGHT, endpoint));
        return this;
    }

    /** Adds a route that reads or writes records. */
    Router heavy(String method, String path, Endpoint endpoint) {
        routes.add(new Route(method, split(path), Weight.HEAVY, endpoint));
        return this;
    }

    /** Finds the route, or refuses with 404, or with 405 and the methods there are. */
    Match find(String method, String path) {
        List<String> segments = split(path);
        TreeSet<String> allowed = new TreeSet<>();
        for (Route route : routes) {
            Map<String, String> variables = route.match(segments);
            if (variables != null) {
                if (answers(route, method)) {
                    return new Match(route, variables);
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

    private static List<String> split(String path) {
        return List.of((path.startsWith("/") ? path.substring(1) : path).split("/", -1));
    }
}
