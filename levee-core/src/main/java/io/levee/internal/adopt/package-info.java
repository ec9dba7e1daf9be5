/** What engines share in reading older databases and tables as partitions where they lie. Statements and their dialects are the engines' own. */
@NullMarked
package io.levee.internal.adopt;

import org.jspecify.annotations.NullMarked;
