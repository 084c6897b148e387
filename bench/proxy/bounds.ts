/** Upper bounds of the classes of a histogram of latencies, milliseconds. */
export const BOUNDS = [5, 10, 20, 30, 40, 50, 60, 80, 100, 150, 200, Number.POSITIVE_INFINITY] as const;
