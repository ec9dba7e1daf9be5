/**
 * Records from outside: streams of NDJSON, JSON and CSV, plain or compressed, turned into rows and written in bounded batches.
 *
 * <p>One bad record never loses the stream: it is named with its line, and reading goes on. Used by the server and the CLI.
 */
@NullMarked
package io.levee.ingest;

import org.jspecify.annotations.NullMarked;
