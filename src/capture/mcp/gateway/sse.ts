/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), read beside the bytes that pass.
 * Only what an event says is kept, and no more than `limit` of it.
 */
export interface SseEvent {
  readonly event: string;
  readonly data: string;
}

export interface SseReader {
  push(chunk: Buffer): void;
}

/** `onLong`: an event was longer than the limit, and is passed over. Costs one pass over the bytes. */
export function createSseReader(
  limit: number,
  onEvent: (event: SseEvent) => void,
  onLong: () => void,
): SseReader {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let event = '';
  let data: string[] = [];
  let size = 0;
  let isLong = false;
  let afterCr = false;

  function line(text: string): void {
    if (text === '') {
      if (isLong) onLong();
      else if (data.length > 0) onEvent({ event: event === '' ? 'message' : event, data: data.join('\n') });
      event = '';
      data = [];
      size = 0;
      isLong = false;
      return;
    }
    const colon = text.indexOf(':');
    const name = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? '' : text.slice(colon + (text[colon + 1] === ' ' ? 2 : 1));
    if (name === 'event') event = value.slice(0, 64);
    if (name !== 'data') return;
    size += value.length + 1;
    if (size > limit) {
      isLong = true;
      data = [];
    } else if (!isLong) data.push(value);
  }

  return {
    push(chunk) {
      let text = decoder.decode(chunk, { stream: true });
      // "\r\n" that was cut in two is one line end.
      if (afterCr && text.startsWith('\n')) text = text.slice(1);
      if (text === '') return;
      afterCr = text.endsWith('\r');
      const lines = (rest + text).split(/\r\n|\n|\r/);
      rest = lines.pop() ?? '';
      for (const one of lines) line(one);
      if (rest.length > limit) {
        isLong = true;
        data = [];
        // Enough to tell what line it is; its end is waited for.
        rest = rest.slice(0, 64);
      }
    },
  };
}
