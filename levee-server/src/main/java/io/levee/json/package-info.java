/** JSON out: the one form in which server and CLI write rows, statuses and errors. */
@NullMarked
package io.levee.json;

import org.jspecify.annotations.NullMarked;
