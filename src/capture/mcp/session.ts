/**
 * One session of a client with a server, whatever carries it: what the client says is looked at before it goes on, what
 * the server says while it passes. Calls of tools wait until they are decided and that is durable; everything else passes
 * at once, and what is worth it is recorded.
 */
import { LIMITS } from '../../core/limits.ts';
import { errorLine } from './answers.ts';
import { type Calls, createCalls } from './calls.ts';
import type { LongMessage } from './long.ts';
import { type Id, type Message, readAnswer, readLine, TOOL_CALL } from './message.ts';
import { methodName } from './names.ts';
import { createSeen, type Seen } from './seen.ts';
import type { SessionOptions, Sink } from './session-options.ts';

/** What becomes of bytes on their way to the server. */
export type Fate = { readonly pass: true } | { readonly pass: Promise<Buffer | undefined> };

export interface McpSession {
  fromClient(line: Buffer, sink: Sink): Fate;
  /** A line that is too long to be read: none of it reaches the server. */
  tooLong(message: Pick<LongMessage, 'bytes' | 'id'>, sink: Sink): void;
  /** A body that is compressed, and so cannot be looked at: none of it reaches the server. */
  compressed(encoding: string, sink: Sink): void;
  fromServer(line: Buffer): void;
  /** Passed unread; whoever waits for an answer with its id has had it. */
  longFromServer(message?: LongMessage): void;
  /** The client says nothing more, and takes no answers. */
  clientLeft(): void;
  /** The server is gone: nothing that is open will be answered. `why` for people. */
  end(why: { readonly kind: 'server_exited' | 'client_left'; readonly words: string }): void;
  /** The calls that have been sent and not answered. */
  readonly open: () => number;
}

const PASS: Fate = { pass: true };
/** Of what a client calls its encoding, what a record says. */
const ENCODING_CHARS = 64;

export function createSession(options: SessionOptions): McpSession {
  const { recording } = options;
  const seen: Seen = createSeen(options);
  const calls: Calls = createCalls({ ...options, version: () => seen.version() });

  function refuse(why: string, id: Id | undefined, sink: Sink): Fate {
    seen.counts.refused++;
    recording.tell({
      type: 'tool.call',
      phase: 'point',
      action: { name: methodName(options.server, TOOL_CALL) },
      outcome: { status: 'blocked', error_kind: 'unclear_message', error: why },
    });
    sink.answer(
      errorLine(
        id,
        `Tallystick did not pass this message on, because what it calls cannot be told for sure: ${why}. Send one JSON-RPC message a line, in UTF-8, with each member once.`,
      ),
    );
    return { pass: Promise.resolve(undefined) };
  }

  function isCall(message: Message): message is Message & { kind: 'request' | 'notification' } {
    return (message.kind === 'request' || message.kind === 'notification') && message.method === TOOL_CALL;
  }

  /** What the client says that is no call: noticed, never held. */
  function notice(message: Message): void {
    if (message.kind === 'notification' && message.method === 'notifications/cancelled')
      calls.cancelled(message.params);
    seen.fromClient(message);
  }

  async function assemble(
    line: Buffer,
    messages: readonly Message[],
    spans: readonly { from: number; to: number }[],
    sink: Sink,
  ) {
    const kept = await Promise.all(
      messages.map((message, i) => {
        const { from = 0, to = 0 } = spans[i] ?? {};
        const own = Buffer.concat([line.subarray(from, to), Buffer.from('\n')]);
        return isCall(message) ? calls.decide(message, own, sink).then((bytes) => bytes !== undefined) : true;
      }),
    );
    if (kept.every(Boolean)) return line;
    const parts = spans
      .filter((_span, i) => kept[i])
      .map(({ from, to }) => line.subarray(from, to).toString('latin1'));
    return parts.length === 0 ? undefined : Buffer.from(`[${parts.join(',')}]\n`, 'latin1');
  }

  return {
    fromClient(line, sink) {
      const read = readLine(line, options.framed !== false);
      switch (read.kind) {
        case 'blank':
          return PASS;
        case 'invalid':
          seen.counts.invalid_from_client++;
          return PASS;
        case 'unclear':
          return refuse(read.why, read.id, sink);
        case 'message':
          if (isCall(read.message)) return { pass: calls.decide(read.message, line, sink) };
          notice(read.message);
          return PASS;
        case 'batch': {
          const { messages, spans } = read;
          for (const message of messages) if (!isCall(message)) notice(message);
          return messages.some(isCall) ? { pass: assemble(line, messages, spans, sink) } : PASS;
        }
      }
    },
    tooLong({ bytes, id }, sink) {
      refuse(`it has more than ${LIMITS.mcpLineBytes} bytes (${bytes})`, id, sink);
    },
    compressed(encoding, sink) {
      refuse(`it is compressed (${encoding.slice(0, ENCODING_CHARS)})`, undefined, sink);
    },
    fromServer(line) {
      const messages = readAnswer(line);
      if (messages === undefined) {
        if (line.toString('latin1').trim() !== '') seen.counts.invalid_from_server++;
        return;
      }
      for (const message of messages) {
        if (message.kind === 'response' && calls.answered(message, line)) continue;
        if (message.kind === 'notification' && message.method === 'notifications/progress')
          calls.progressed(message.params);
        seen.fromServer(message, line);
      }
    },
    longFromServer(message) {
      seen.counts.long_from_server++;
      if (message !== undefined) calls.unread(message);
    },
    clientLeft: calls.withdraw,
    end(why) {
      calls.end(why);
      seen.end(why);
    },
    open: calls.open,
  };
}
