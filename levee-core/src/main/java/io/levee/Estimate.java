package io.levee;

/**
 * About how many rows a query has, without reading them all (guarantee G52).
 *
 * @param rows how many
 * @param exact whether that is the exact number
 * @param how what it rests on: {@code statistics} of its partitions, {@code count} of its rows, or a {@code sample}: rows counted in a
 *     few of its partitions, spread evenly
 * @param coverage what it can be trusted for
 */
public record Estimate(long rows, boolean exact, String how, Coverage coverage) {}
