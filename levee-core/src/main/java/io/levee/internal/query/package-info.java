/** The filter language, page cursors and the running of queries. Not for users. */
@NullMarked
package io.levee.internal.query;

import org.jspecify.annotations.NullMarked;
