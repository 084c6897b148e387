/**
 * Keeps an answer from whoever relays it until what has to be durable before is. The upstream is read no further
 * meanwhile; what it sent with its head already waits here.
 */
import type { Dispatcher } from 'undici';

type Handler = Dispatcher.DispatchHandler;

/** `onLost` is called when `durable` rejects; nothing of the answer is handed on then. */
export function gated(handler: Handler, durable: Promise<void>, onLost: () => void): Handler {
  let open = false;
  let waiting: (() => void)[] = [];
  let controller: Dispatcher.DispatchController | undefined;
  const inTurn = (step: () => void): void => {
    if (open) step();
    else waiting.push(step);
  };
  durable.then(() => {
    open = true;
    const steps = waiting;
    waiting = [];
    for (const step of steps) step();
    if (steps.length > 0) controller?.resume();
  }, onLost);
  return {
    ...handler,
    onResponseStart(of, ...head) {
      controller = of;
      // 1xx: the final head follows, and is what waits.
      if (!open && head[0] >= 200) of.pause();
      inTurn(() => handler.onResponseStart?.(of, ...head));
    },
    onResponseData: (of, chunk) => inTurn(() => handler.onResponseData?.(of, chunk)),
    onResponseEnd: (of, trailers) => inTurn(() => handler.onResponseEnd?.(of, trailers)),
    onResponseError: (of, error) => inTurn(() => handler.onResponseError?.(of, error)),
  };
}
