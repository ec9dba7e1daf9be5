/** Tests of the server over real sockets. */
package io.levee.server;
