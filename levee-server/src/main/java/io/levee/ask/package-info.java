/** Questions as text and answers as JSON: what HTTP and command line have in common. Not for users. */
@NullMarked
package io.levee.ask;

import org.jspecify.annotations.NullMarked;
