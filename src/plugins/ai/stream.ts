/** The AI SDK tells nobody when the reader of an answer goes away in the middle; the stream of the model is what hears of it. */

/**
 * Streams that nobody can read any more were dropped without being cancelled: `streamText` keeps a second reader, which
 * then waits for ever. Told when the garbage collector finds one, which may be much later, or never.
 */
const dropped = new FinalizationRegistry<(reason: unknown) => void>((tell) =>
  tell(new DOMException('nobody reads its stream any more', 'AbortError')),
);

/**
 * Puts a stream in place of the model's that is the same, and tells when it is cancelled or dropped. Nothing is read
 * before it is asked for, so that the model's own can still be read where the AI SDK does. `tell` must not hold the stream.
 */
export function watchStream(result: unknown, tell: (reason: unknown) => void): void {
  const holder = result as { stream?: unknown } | null | undefined;
  const stream = holder?.stream;
  if (!(stream instanceof ReadableStream)) return;
  const watched = relay(stream as ReadableStream<unknown>, tell);
  // One that cannot be replaced is left as it is, and the call is taken for dropped when nothing more is told of it.
  Reflect.defineProperty(holder as object, 'stream', {
    value: watched,
    configurable: true,
    enumerable: true,
  });
}

function relay(stream: ReadableStream<unknown>, tell: (reason: unknown) => void): ReadableStream<unknown> {
  let reader: ReadableStreamDefaultReader<unknown> | undefined;
  const token = {};
  const over = (): void => void dropped.unregister(token);
  const relayed = new ReadableStream<unknown>(
    {
      async pull(controller) {
        if (reader === undefined) {
          reader = stream.getReader();
          // Not before: one that was never read may not be the one that the AI SDK reads.
          dropped.register(relayed, tell, token);
        }
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
        } catch (error) {
          over();
          throw error;
        }
        over();
        controller.close();
      },
      async cancel(reason) {
        over();
        tell(reason);
        await (reader ?? stream).cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return relayed;
}
