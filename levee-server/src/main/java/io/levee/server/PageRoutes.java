package io.levee.server;

import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;

/** The status page and its parts: a fixed list of files out of the jar, held in memory, so no path can reach another one. */
final class PageRoutes {
    private static final String FOLDER = "/META-INF/resources/levee/";
    private static final String POLICY =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
                    + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    private static final Map<String, String> FILES = Map.of(
            "index.html", "text/html; charset=utf-8",
            "levee.css", "text/css; charset=utf-8",
            "page.js", "text/javascript; charset=utf-8",
            "dom.js", "text/javascript; charset=utf-8",
            "migrations.js", "text/javascript; charset=utf-8",
            "format.js", "text/javascript; charset=utf-8",
            "charts.js", "text/javascript; charset=utf-8",
            "icon.svg", "image/svg+xml");

    private record Asset(String contentType, byte[] body, String etag) {}

    void addTo(Router router) {
        FILES.forEach((name, type) -> {
            Asset asset = load(name, type);
            router.light(
                    "GET", name.equals("index.html") ? "/" : "/assets/" + name, exchange -> answer(exchange, asset));
        });
    }

    private static void answer(Exchange exchange, Asset asset) throws IOException {
        exchange.params();
        HttpFields.Mutable headers = exchange.response().getHeaders();
        headers.put(HttpHeader.CACHE_CONTROL, "no-cache");
        headers.put(HttpHeader.ETAG, asset.etag());
        headers.put("Content-Security-Policy", POLICY);
        headers.put("Referrer-Policy", "no-referrer");
        String known = exchange.header("If-None-Match");
        if (known != null && (known.equals("*") || known.contains(asset.etag()))) {
            exchange.empty(304);
        } else {
            exchange.bytes(200, asset.contentType(), asset.body());
        }
    }

    private static Asset load(String name, String contentType) {
        try (InputStream in = PageRoutes.class.getResourceAsStream(FOLDER + name)) {
            if (in == null) {
                throw new IllegalStateException("the jar lacks " + FOLDER + name);
            }
            byte[] body = in.readAllBytes();
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(body);
            return new Asset(contentType, body, '"' + HexFormat.of().formatHex(hash, 0, 12) + '"');
        } catch (IOException | NoSuchAlgorithmException e) {
            throw new IllegalStateException("cannot read " + FOLDER + name, e);
        }
    }
}
