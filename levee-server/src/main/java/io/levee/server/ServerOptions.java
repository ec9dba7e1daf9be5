package io.levee.server;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * Where a server listens and what it takes. Immutable.
 *
 * @param host the address to listen on; {@value #DEFAULT_HOST} by default
 * @param port the port, 0 for any free one; {@value #DEFAULT_PORT} by default
 * @param maxBody largest body of one ingest request, counted after decompression; 256 MiB by default
 * @param maxLineBytes longest line (or array element) of an ingest request; 1 MiB by default
 * @param maxRequests most requests that read or write records at the same time; 32 by default
 * @param maxStreams most clients of the status stream at the same time; 32 by default
 * @param maxTails most clients that follow tables at the same time, each with a thread of its own; 64 by default
 * @param maxReaders most answers of more than 32 KiB that are read at the same time; slow readers hold memory for one chunk of that size, and
 *     no thread; 256 by default
 */
public record ServerOptions(
        String host,
        int port,
        Bytes maxBody,
        int maxLineBytes,
        int maxRequests,
        int maxStreams,
        int maxTails,
        int maxReaders) {
    /** The host unless another is asked for: this machine only. */
    public static final String DEFAULT_HOST = "127.0.0.1";

    /** The port unless another is asked for. */
    public static final int DEFAULT_PORT = 7311;

    /**
     * Checks the limits.
     *
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} naming the option and its range
     */
    public ServerOptions {
        inRange("port", port, 0, 65_535);
        inRange("maxLineBytes", maxLineBytes, 1024, 256 << 20);
        inRange("maxRequests", maxRequests, 1, 512);
        inRange("maxStreams", maxStreams, 0, 10_000);
        inRange("maxTails", maxTails, 0, 512);
        inRange("maxReaders", maxReaders, 1, 10_000);
        if (host.isBlank()) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "host must not be empty").with("option", "host");
        }
        if (maxBody.value() < 1024) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "maxBody must be at least 1 KiB (got " + maxBody + ")")
                    .with("option", "maxBody");
        }
    }

    /** {@value #DEFAULT_HOST}:{@value #DEFAULT_PORT} with the default limits. */
    public static ServerOptions defaults() {
        return of(DEFAULT_HOST, DEFAULT_PORT);
    }

    /** An address with the default limits; port 0 is any free port. */
    public static ServerOptions of(String host, int port) {
        return new ServerOptions(host, port, Bytes.mebi(256), 1 << 20, 32, 32, 64, 256);
    }

    /** The same options with another largest body. */
    public ServerOptions withMaxBody(Bytes bytes) {
        return new ServerOptions(host, port, bytes, maxLineBytes, maxRequests, maxStreams, maxTails, maxReaders);
    }

    /** The same options with another longest line. */
    public ServerOptions withMaxLineBytes(int bytes) {
        return new ServerOptions(host, port, maxBody, bytes, maxRequests, maxStreams, maxTails, maxReaders);
    }

    /** The same options with another number of requests that work on records at once. */
    public ServerOptions withMaxRequests(int requests) {
        return new ServerOptions(host, port, maxBody, maxLineBytes, requests, maxStreams, maxTails, maxReaders);
    }

    /** The same options with another number of status stream clients. */
    public ServerOptions withMaxStreams(int streams) {
        return new ServerOptions(host, port, maxBody, maxLineBytes, maxRequests, streams, maxTails, maxReaders);
    }

    /** The same options with another number of clients that follow tables. */
    public ServerOptions withMaxTails(int tails) {
        return new ServerOptions(host, port, maxBody, maxLineBytes, maxRequests, maxStreams, tails, maxReaders);
    }

    /** The same options with another number of long answers that are read at once. */
    public ServerOptions withMaxReaders(int readers) {
        return new ServerOptions(host, port, maxBody, maxLineBytes, maxRequests, maxStreams, maxTails, readers);
    }

    /**
     * Looks whether a server may listen there; {@link LeveeServer#start} does so too, but only once there is a store.
     *
     * @throws LeveeException {@link ErrorCode#UNSAFE_ENVIRONMENT} for a host that others can reach, {@link ErrorCode#BAD_VALUE} for one that
     *     has no address
     */
    public void requireLoopback() {
        if (!loopback()) {
            throw new LeveeException(
                            ErrorCode.UNSAFE_ENVIRONMENT,
                            "the server would listen on " + host + ", where others can reach it, without tokens")
                    .with("host", host)
                    .hint("listen on " + DEFAULT_HOST + " and put a proxy that authenticates in front of it");
        }
    }

    /** Whether the host is this machine's loopback interface, and nothing else. */
    private boolean loopback() {
        try {
            for (InetAddress address : InetAddress.getAllByName(host)) {
                if (!address.isLoopbackAddress()) {
                    return false;
                }
            }
            return true;
        } catch (UnknownHostException e) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "the host '" + host + "' has no address", e)
                    .with("option", "host")
                    .hint("use an address of this machine, such as " + DEFAULT_HOST);
        }
    }

    private static void inRange(String option, int value, int least, int most) {
        if (value < least || value > most) {
            throw new LeveeException(
                            ErrorCode.BAD_VALUE,
                            option + " must be from " + least + " to " + most + " (got " + value + ")")
                    .with("option", option);
        }
    }
}
