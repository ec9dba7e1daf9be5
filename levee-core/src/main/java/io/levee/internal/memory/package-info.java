/** The store's one memory budget: who may take how much, and who takes how much now. */
@NullMarked
package io.levee.internal.memory;

import org.jspecify.annotations.NullMarked;
