/** Lets a few through at a time; the others wait in their order. */
export function createGate(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  let under = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (under >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else under++;
    try {
      return await task();
    } finally {
      // The place goes to the next one, so that nobody comes in between.
      const next = waiting.shift();
      if (next === undefined) under--;
      else next();
    }
  };
}
