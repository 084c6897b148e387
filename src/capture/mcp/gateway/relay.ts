/** An answer of the upstream on its way to the client: streamed as it comes, read beside. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS } from '../../../core/limits.ts';
import type { Scrubber } from '../../../core/redact/stream.ts';
import { createLongReader } from '../long.ts';
import type { McpSession } from '../session.ts';
import { returnedHeaders } from './http.ts';
import { createSseReader } from './sse.ts';

export interface RelayOptions {
  /** Who reads what the answer says; asked for each message. */
  readonly session: () => McpSession;
  readonly scrubber: Scrubber | undefined;
  /** An older server says where messages are posted to; what we answer there goes into this stream. */
  readonly onEndpoint: (data: string, inject: (answer: Buffer) => void) => void;
}

interface Reader {
  push(chunk: Buffer): void;
  end(): void;
}

/** Resolves when there is nothing more to come, or nobody to take it. */
export function relay(
  answer: IncomingMessage,
  response: ServerResponse,
  { session, scrubber, onEndpoint }: RelayOptions,
): Promise<void> {
  response.writeHead(answer.statusCode ?? 502, returnedHeaders(answer.headers));
  response.flushHeaders();
  const waiting: Buffer[] = [];
  /** The last bytes that were written: an event ends with an empty line. */
  let tail = '\n\n';

  function write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    tail = (tail + Buffer.from(bytes.subarray(-4)).toString('latin1')).slice(-4);
    if (!response.write(bytes)) {
      answer.pause();
      response.once('drain', () => answer.resume());
    }
  }

  function flush(): void {
    if (!/(?:\n\n|\r\n\r\n|\r\r)$/.test(tail)) return;
    for (const bytes of waiting.splice(0)) write(bytes);
  }

  const reader = readerFor(answer, session, (data) =>
    onEndpoint(data, (said) => {
      waiting.push(Buffer.from(`event: message\ndata: ${said.toString().trim()}\n\n`));
      flush();
    }),
  );
  return new Promise((resolve) => {
    answer.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      write(scrubber?.push(chunk) ?? chunk);
      flush();
    });
    answer.once('end', () => {
      reader.end();
      response.end(scrubber?.flush());
      resolve();
    });
    answer.once('error', () => {
      response.destroy();
      resolve();
    });
    response.once('close', resolve);
  });
}

const NOBODY: Reader = { push: () => undefined, end: () => undefined };

function readerFor(
  { headers }: IncomingMessage,
  session: () => McpSession,
  onEndpoint: (data: string) => void,
): Reader {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') {
    // It was asked not to.
    session().longFromServer();
    return NOBODY;
  }
  if (type === 'text/event-stream')
    return {
      ...NOBODY,
      ...createSseReader(
        LIMITS.mcpLineBytes,
        ({ event, data }) => {
          if (event === 'message') session().fromServer(Buffer.from(data));
          else if (event === 'endpoint') onEndpoint(data);
        },
        () => session().longFromServer(),
      ),
    };
  return type === 'application/json' ? jsonReader(session) : NOBODY;
}

function jsonReader(session: () => McpSession): Reader {
  const chunks: Buffer[] = [];
  const long = createLongReader();
  let size = 0;
  return {
    push(chunk) {
      size += chunk.length;
      long.push(chunk);
      if (size <= LIMITS.mcpLineBytes) chunks.push(chunk);
      else chunks.length = 0;
    },
    end() {
      if (size > LIMITS.mcpLineBytes) session().longFromServer(long.end());
      else if (size > 0) session().fromServer(Buffer.concat(chunks));
    },
  };
}
