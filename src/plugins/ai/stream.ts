/** The AI SDK tells nobody when the reader of an answer goes away in the middle; the stream of the model is what hears of it. */

/**
 * Puts a stream in place of the model's that is the same, and tells when it is cancelled. Nothing is read before it is
 * asked for, so that the model's own can still be read where the AI SDK does.
 */
export function watchStream(result: unknown, onCancel: (reason: unknown) => void): void {
  const holder = result as { stream?: unknown } | null | undefined;
  const stream = holder?.stream;
  if (!(stream instanceof ReadableStream)) return;
  const watched = relay(stream as ReadableStream<unknown>, onCancel);
  // One that cannot be replaced is left as it is, and the call is taken for dropped when nothing more is told of it.
  Reflect.defineProperty(holder as object, 'stream', {
    value: watched,
    configurable: true,
    enumerable: true,
  });
}

function relay(
  stream: ReadableStream<unknown>,
  onCancel: (reason: unknown) => void,
): ReadableStream<unknown> {
  let reader: ReadableStreamDefaultReader<unknown> | undefined;
  return new ReadableStream<unknown>(
    {
      async pull(controller) {
        reader ??= stream.getReader();
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        onCancel(reason);
        await (reader ?? stream).cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
