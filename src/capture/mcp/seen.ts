/**
 * What passes a session besides calls of tools, recorded as it is seen and never held: who the two are, what tools there
 * are, what is read, and what the server asks of the client. Everything else is counted.
 */
import { createHash } from 'node:crypto';
import type { Event, Outcome } from '../../core/entry.ts';
import { LIMITS } from '../../core/limits.ts';
import { condense } from './condense.ts';
import { type Id, type Message, withoutEnd } from './message.ts';
import { methodName } from './names.ts';
import { openRequests } from './open-requests.ts';
import type { SessionOptions } from './session-options.ts';
import { toolEvents } from './tools.ts';

type Members = Readonly<Record<string, unknown>>;

export interface Seen {
  fromClient(message: Message): void;
  fromServer(message: Message, line: Buffer): void;
  end(why: { readonly kind: string; readonly words: string }): void;
  /** Of the server, once it has said so. */
  version(): string | undefined;
  readonly counts: Record<
    'invalid_from_client' | 'invalid_from_server' | 'long_from_server' | 'refused' | 'unasked',
    number
  >;
}

interface Kind {
  readonly begins: Event['type'];
  readonly ends: Event['type'];
  /** Of the parameters, what may stand in the entry. */
  readonly about: readonly string[];
  readonly asks: 'prompt' | 'arguments';
}

/** What the client asks for, and what comes back: data that goes into a model. */
const READS: Readonly<Record<string, Kind>> = {
  'resources/read': {
    begins: 'retrieval.query',
    ends: 'retrieval.result',
    about: ['uri'],
    asks: 'arguments',
  },
  'prompts/get': { begins: 'retrieval.query', ends: 'retrieval.result', about: ['name'], asks: 'arguments' },
};
/** What the server asks the client for: its model, or its user. */
const ASKS: Readonly<Record<string, Kind>> = {
  'sampling/createMessage': {
    begins: 'model.call',
    ends: 'model.response',
    about: ['maxTokens'],
    asks: 'prompt',
  },
  'elicitation/create': { begins: 'custom', ends: 'custom', about: ['mode'], asks: 'prompt' },
};

interface Asked {
  readonly method: string;
  readonly params: unknown;
  readonly kind?: Kind;
  readonly pre?: string;
  readonly at: number;
}

export function createSeen({ server, session, recording }: SessionOptions): Seen {
  const byClient = openRequests<Asked>();
  const byServer = openRequests<Asked>();
  const counts = {
    invalid_from_client: 0,
    invalid_from_server: 0,
    long_from_server: 0,
    refused: 0,
    unasked: 0,
  };
  const methods = new Map<string, number>();
  let version: string | undefined;
  /** Of a list of tools that comes in pages. */
  let tools: unknown[] = [];

  function tell(event: Event): void {
    recording.tell({ ...event, ...(session === undefined ? {} : { session_id: session }) });
  }

  function count(method: string): void {
    const name = methods.size < LIMITS.mcpToolsPerEntry || methods.has(method) ? shortened(method) : 'others';
    methods.set(name, (methods.get(name) ?? 0) + 1);
  }

  /** Beyond the bound it is counted only: nobody waits for so many answers. */
  function asks(
    from: typeof byClient,
    id: Id | null,
    method: string,
    params: unknown,
    kind: Kind | undefined,
  ): void {
    if (id === null || from.size() >= LIMITS.mcpOpenCalls) return;
    const asked: Asked = {
      method,
      params,
      at: performance.now(),
      ...(kind === undefined ? {} : { kind, pre: begin(method, params, kind) }),
    };
    from.add(id, asked);
  }

  function begin(method: string, params: unknown, kind: Kind): string {
    const id = recording.id();
    const said = isObject(params) ? params : {};
    const about = Object.fromEntries(
      kind.about.flatMap((name) => (said[name] === undefined ? [] : [[name, plain(said[name])]])),
    );
    tell({
      id,
      type: kind.begins,
      phase: 'pre_exec',
      step_id: id,
      action: {
        name: methodName(server, method),
        args: condense(params ?? {}, LIMITS.mcpArgumentsBytes).value,
      },
      metadata: { mcp: { method, ...about } },
      payload: payloadOf(kind.asks, params ?? {}),
    });
    return id;
  }

  function finish({ kind, pre, method, at }: Asked, outcome: Outcome, result?: unknown): void {
    if (kind === undefined || pre === undefined) return;
    const action =
      isObject(result) && typeof result.action === 'string' ? { answer: plain(result.action) } : {};
    tell({
      type: kind.ends,
      phase: 'post_exec',
      parent_id: pre,
      outcome: { ...outcome, duration_ms: Math.round(performance.now() - at) },
      metadata: { mcp: { method, ...action } },
      ...(result === undefined ? {} : { payload: payloadOf('result', result) }),
    });
  }

  function initialized(params: unknown, result: unknown, outcome: Outcome): void {
    const asked = isObject(params) ? params : {};
    const answered = isObject(result) ? result : {};
    const serverInfo = infoOf(answered.serverInfo);
    version = serverInfo?.version;
    tools = [];
    tell({
      type: 'custom',
      phase: 'point',
      action: { name: methodName(server, 'initialize') },
      metadata: {
        mcp: {
          method: 'initialize',
          client: infoOf(asked.clientInfo),
          server: serverInfo,
          protocol: { asked: plain(asked.protocolVersion), agreed: plain(answered.protocolVersion) },
          client_capabilities: namesIn(asked.capabilities),
          server_capabilities: namesIn(answered.capabilities),
          ...(typeof answered.instructions === 'string'
            ? { instructions_chars: answered.instructions.length }
            : {}),
        },
      },
      // Both say of themselves what they like.
      quality: { metadata: 'asserted' },
      outcome,
    });
  }

  function listed(result: unknown, outcome: Outcome): void {
    const page = isObject(result) && Array.isArray(result.tools) ? (result.tools as unknown[]) : [];
    tools = [...tools, ...page].slice(0, LIMITS.mcpToolsPerEntry * LIMITS.mcpToolEntries);
    const hasMore = isObject(result) && result.nextCursor !== undefined;
    if (hasMore) return;
    for (const event of toolEvents(server, tools, outcome)) tell(event);
    tools = [];
  }

  function answered(asked: Asked, message: Message & { kind: 'response' }, line: Buffer): void {
    const bytes = withoutEnd(line);
    const outcome: Outcome = {
      ...(message.error === undefined
        ? { status: 'ok' }
        : { status: 'error', error_kind: errorKind(message.error) }),
      bytes_in: bytes.length,
      result_hash: createHash('sha256').update(bytes).digest('hex'),
    };
    if (asked.method === 'initialize') initialized(asked.params, message.result, outcome);
    else if (asked.method === 'tools/list') listed(message.result, outcome);
    else finish(asked, outcome, message.error ?? message.result);
  }

  return {
    counts,
    version: () => version,
    fromClient(message) {
      if (message.kind === 'other') counts.invalid_from_client++;
      else if (message.kind === 'response') {
        const asked = byServer.answered(message.id);
        if (asked === undefined) counts.unasked++;
        else answered(asked, message, Buffer.from(JSON.stringify(message.error ?? message.result ?? null)));
      } else {
        count(message.method);
        if (message.kind === 'request')
          asks(byClient, message.id, message.method, message.params, own(READS, message.method));
        else if (message.method === 'notifications/cancelled') cancelled(byClient, message.params);
      }
    },
    fromServer(message, line) {
      if (message.kind === 'other') counts.invalid_from_server++;
      else if (message.kind === 'response') {
        const asked = byClient.answered(message.id);
        if (asked === undefined) counts.unasked++;
        else answered(asked, message, line);
      } else {
        count(message.method);
        if (message.kind === 'request')
          asks(byServer, message.id, message.method, message.params, own(ASKS, message.method));
        else if (message.method === 'notifications/cancelled') cancelled(byServer, message.params);
      }
    },
    end({ kind, words }) {
      for (const asked of [...byClient.all(), ...byServer.all()])
        finish(asked, { status: 'aborted', error_kind: kind, error: words });
      const some = Object.entries(counts).filter(([, n]) => n > 0);
      tell({
        type: 'custom',
        phase: 'point',
        action: { name: methodName(server, 'session') },
        metadata: {
          mcp: {
            method: 'session',
            messages: Object.entries(Object.fromEntries(methods)).map(([method, n]) => ({
              method,
              count: n,
            })),
            ...Object.fromEntries(some),
          },
        },
        outcome: { status: 'ok', error_kind: kind },
      });
    },
  };

  function cancelled(from: typeof byClient, params: unknown): void {
    const id = isObject(params) ? params.requestId : undefined;
    if (typeof id !== 'string' && typeof id !== 'number') return;
    const asked = from.newest(id);
    if (asked === undefined) return;
    from.remove(id, asked);
    finish(asked, { status: 'aborted', error_kind: 'cancelled' });
  }
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const own = (kinds: Readonly<Record<string, Kind>>, method: string): Kind | undefined =>
  Object.hasOwn(kinds, method) ? kinds[method] : undefined;

const shortened = (text: string): string => text.slice(0, LIMITS.mcpNameChars).toWellFormed();
/** A text or a number that somebody gave; anything else is not what it should be. */
const plain = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? shortened(String(value)) : undefined;

function infoOf(info: unknown): { name?: string; version?: string } | undefined {
  if (!isObject(info)) return undefined;
  const [name, version] = [plain(info.name), plain(info.version)];
  return { ...(name === undefined ? {} : { name }), ...(version === undefined ? {} : { version }) };
}

const namesIn = (value: unknown): string[] =>
  isObject(value) ? Object.keys(value).slice(0, LIMITS.mcpDepth).map(shortened) : [];

function errorKind(error: unknown): string {
  return isObject(error) && typeof error.code === 'number' ? `jsonrpc_${error.code}` : 'jsonrpc_error';
}

function payloadOf(name: string, value: unknown): NonNullable<Event['payload']> {
  const { value: stored } = condense(value, LIMITS.mcpPayloadBytes);
  return { media_type: 'application/json', class: name, data: JSON.stringify(stored) };
}
