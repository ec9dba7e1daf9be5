/**
 * A store over HTTP: routes, metrics, the live status page, and the demo.
 *
 * <p>{@link io.levee.server.LeveeServer} is the way in. Everything else that is public here are its options and the demo.
 */
@NullMarked
package io.levee.server;

import org.jspecify.annotations.NullMarked;
