package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where a store is: {@code postgres://user@host:port/db?schema=…}. A password may be in it, and is never in a text that this class
 * gives away.
 */
final class Address {
    static final String DEFAULT_SCHEMA = "levee";

    private static final Pattern FORM = Pattern.compile(
            "(?:postgres|postgresql|jdbc:postgresql)://(?:(?<user>[^@/?]*)@)?(?<hosts>[^/?@]*)(?:/(?<db>[^?]*))?"
                    + "(?:\\?(?<params>.*))?",
            Pattern.CASE_INSENSITIVE);
    private static final Pattern SCHEME =
            Pattern.compile("(?:postgres|postgresql|jdbc:postgresql):.*", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

    private final String user;
    private final @Nullable String password;
    private final String hosts;
    private final String database;
    private final String schema;
    private final Map<String, String> others;

    private Address(
            String user,
            @Nullable String password,
            String hosts,
            String database,
            String schema,
            Map<String, String> others) {
        this.user = user;
        this.password = password;
        this.hosts = hosts;
        this.database = database;
        this.schema = schema;
        this.others = others;
    }

    /** Whether it is an address of this engine, well formed or not. */
    static boolean accepts(String address) {
        return SCHEME.matcher(address).matches();
    }

    /**
     * Reads an address; what it leaves out is taken from {@code PGUSER} and {@code PGPASSWORD}, as PostgreSQL's own programs do.
     *
     * @param environment the environment's variables
     * @throws LeveeException {@link ErrorCode#BAD_VALUE}, without the text, which may hold a password
     */
    static Address parse(String text, Map<String, String> environment) {
        Matcher form = FORM.matcher(text);
        if (!form.matches()) {
            throw bad("the address is not of the form postgres://user@host:port/db?schema=…");
        }
        Map<String, String> params = params(form.group("params"));
        String userInfo = form.group("user") == null ? "" : form.group("user");
        int colon = userInfo.indexOf(':');
        String user = decode(colon < 0 ? userInfo : userInfo.substring(0, colon));
        String password = colon < 0 ? null : decode(userInfo.substring(colon + 1));
        user = params.getOrDefault("user", user);
        password = params.getOrDefault("password", password == null ? environment.get("PGPASSWORD") : password);
        params.remove("user");
        params.remove("password");
        String schema = params.getOrDefault("schema", DEFAULT_SCHEMA);
        params.remove("schema");
        if (user.isEmpty()) {
            user = environment.getOrDefault("PGUSER", System.getProperty("user.name"));
        }
        String database = form.group("db") == null ? "" : decode(form.group("db"));
        String hosts = form.group("hosts").isEmpty() ? "localhost" : form.group("hosts");
        return new Address(user, password, hosts, database.isEmpty() ? user : database, schema, params);
    }

    private static Map<String, String> params(@Nullable String text) {
        Map<String, String> params = new LinkedHashMap<>();
        if (text == null || text.isEmpty()) {
            return params;
        }
        for (String pair : text.split("&", -1)) {
            int equals = pair.indexOf('=');
            if (equals < 1) {
                throw bad("a parameter of the address is not name=value");
            }
            params.put(decode(pair.substring(0, equals)), decode(pair.substring(equals + 1)));
        }
        return params;
    }

    private static String decode(String text) {
        try {
            // In addresses a plus sign is itself; only forms use it for a blank.
            return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            // Without the cause: its message repeats what may be a password.
            throw bad("the address has a % that no two hex digits follow; write %25 for a % of its own");
        }
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_VALUE, what)
                .hint(
                        "such as postgres://levee@db.example.com/history?schema=jobs, with the password in PGPASSWORD or in"
                                + " ~/.pgpass");
    }

    String user() {
        return user;
    }

    @Nullable
    String password() {
        return password;
    }

    String schema() {
        return schema;
    }

    /** Further parameters, for the driver: {@code sslmode} and the like. */
    Map<String, String> others() {
        return others;
    }

    /** The server and database as the driver's URL, without anything secret. */
    String url() {
        return "jdbc:postgresql://" + hosts + "/" + database.replace("%", "%25").replace("?", "%3F");
    }

    /** As users see it: without the password, and without parameters, which may hold others. */
    @Override
    public String toString() {
        return "postgres://" + user + "@" + hosts + "/" + database + "?schema=" + schema;
    }
}
