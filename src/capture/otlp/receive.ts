/**
 * One OTLP request from its bytes to the log. What is answered as taken is durable. What programs tell this way is their
 * own word: `self_reported`, whoever they are.
 */
import type { Event } from '../../core/entry.ts';
import { TallyError } from '../../core/error.ts';
import { sha256Hex } from '../../core/hash.ts';
import { LIMITS } from '../../core/limits.ts';
import { VKEY } from '../../core/otlp/log-record.ts';
import { recordReported } from '../../recorder/acts.ts';
import type { Claims } from '../../recorder/api.ts';
import type { Client } from '../../recorder/ops.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import { createPrepare } from '../../recorder/reported.ts';
import { logsOfJson, spansOfJson } from './json-records.ts';
import { type KnownSpan, knownSpans } from './known.ts';
import { logEvents } from './logs.ts';
import type { Decoded, Item } from './model.ts';
import { logsOfProtobuf, spansOfProtobuf } from './protobuf.ts';
import { spanEvents } from './spans.ts';

export type OtlpSignal = 'logs' | 'traces';
export type OtlpEncoding = 'json' | 'protobuf';

export interface OtlpSender {
  readonly client: Client;
  /** The token that was presented. */
  readonly claims: Pick<Claims, 'agent_token' | 'run_token'>;
}

export interface OtlpTaken {
  /** Spans or records that are not in the log, and why the first of them is not. */
  readonly rejected: number;
  readonly message: string;
}

export interface OtlpReceiver {
  /**
   * Errors: `BAD_EVENT` for what is no OTLP, `ENTRY_TOO_LARGE`, `TOKEN_INVALID`: nothing is recorded then; and those of the
   * log. Sent again, what is recorded is not recorded twice.
   */
  receive(
    signal: OtlpSignal,
    encoding: OtlpEncoding,
    body: Uint8Array,
    sender: OtlpSender,
  ): Promise<OtlpTaken>;
}

const PRODUCER = { surface: 'otlp', assurance: 'self_reported' } as const;

export function createOtlpReceiver(
  recorder: LocalRecorder,
  /** Whether spans and records that have nothing to do with agents are recorded. Asked for each request. */
  others: () => boolean,
): OtlpReceiver {
  const prepare = createPrepare(recorder);
  const known = knownSpans();
  let requests = 0;

  /** Entries of this very log would come back for ever. */
  function withoutOwn<T>({ items, refused, why }: Decoded<T>): Decoded<T> {
    const fit = items.filter(({ resource }) => resource.attributes[VKEY] !== recorder.vkey());
    if (fit.length === items.length) return { items, refused, ...(why === undefined ? {} : { why }) };
    return {
      items: fit,
      refused: refused + items.length - fit.length,
      why: why ?? 'entries of this very log are not recorded in it again',
    };
  }

  type Made = { readonly at: number; readonly event: Event };

  /** Some at a time, each in its order: between them others have their turn. */
  async function record(made: Iterable<Made>, sender: OtlpSender): Promise<ReadonlyMap<number, string>> {
    const refused = new Map<number, string>();
    let some: Made[] = [];
    for (const one of made) {
      some.push(one);
      if (some.length < LIMITS.otlpTurnEvents) continue;
      await recordSome(some, sender, refused);
      some = [];
      await new Promise((resolve) => setImmediate(resolve));
    }
    await recordSome(some, sender, refused);
    return refused;
  }

  async function recordSome(
    made: readonly Made[],
    { client, claims }: OtlpSender,
    refused: Map<number, string>,
  ): Promise<void> {
    const results = await recordReported(
      recorder,
      made.map(({ event }) => event),
      async (event) => ({ ...(await prepare(event, client, claims, true)), producer: PRODUCER }),
    );
    for (const [i, result] of results.entries()) {
      const at = made[i]?.at;
      if (at !== undefined && 'refused' in result && !refused.has(at))
        refused.set(at, result.refused.message);
    }
  }

  async function takeSpans(encoding: OtlpEncoding, body: Uint8Array, sender: OtlpSender): Promise<OtlpTaken> {
    const identity = recorder.identify(sender.claims);
    const decoded = withoutOwn(encoding === 'json' ? spansOfJson(body) : spansOfProtobuf(body));
    const made = spanEvents(decoded.items, {
      caller: callerOf(identity),
      proved: isProved(identity),
      inRun: identity.run_id !== undefined,
      others: others(),
      known,
    });
    const refused = await record(made.events, sender);
    remember(decoded.items, made.known, refused);
    return takenOf(decoded, made.ignored(), refused);
  }

  function remember(
    items: readonly Item<{ readonly traceId: string; readonly spanId: string }>[],
    made: ReadonlyMap<number, KnownSpan>,
    refused: ReadonlyMap<number, string>,
  ): void {
    for (const [at, span] of made) {
      const record = items[at]?.record;
      if (record !== undefined && !refused.has(at)) known.remember(record.traceId, record.spanId, span);
    }
  }

  async function takeLogs(encoding: OtlpEncoding, body: Uint8Array, sender: OtlpSender): Promise<OtlpTaken> {
    const decoded = withoutOwn(encoding === 'json' ? logsOfJson(body) : logsOfProtobuf(body));
    const identity = recorder.identify(sender.claims);
    const unique = `${recorder.recorderId} ${++requests}`;
    const request = { sha256: sha256Hex(body), caller: callerOf(identity), unique };
    const proved = isProved(identity);
    const made = logEvents(decoded.items, { request, proved, others: others(), known });
    const refused = await record(made.events, sender);
    return takenOf(decoded, made.ignored(), refused);
  }

  return {
    async receive(signal, encoding, body, sender) {
      const { failure } = recorder.identify(sender.claims);
      if (failure !== undefined)
        throw new TallyError('TOKEN_INVALID', `the token is not good: ${failure}`, {
          hint: '`tally agent token list` shows which are; set it in OTEL_EXPORTER_OTLP_HEADERS',
        });
      return signal === 'traces' ? takeSpans(encoding, body, sender) : takeLogs(encoding, body, sender);
    },
  };
}

/** Whose ids they are: a token's, or those of this machine's own user. */
function callerOf(identity: ReturnType<LocalRecorder['identify']>): string {
  return identity.token_id ?? identity.run_id ?? '';
}

/** A name beside a token is no claim that the token could be held against: programs name themselves as they like. */
function isProved({ agent_id, run_id }: ReturnType<LocalRecorder['identify']>): boolean {
  return agent_id !== undefined || run_id !== undefined;
}

function takenOf(
  { refused: bad, why }: Decoded<unknown>,
  ignored: number,
  refused: ReadonlyMap<number, string>,
): OtlpTaken {
  const [first] = refused.values();
  const reasons = [
    why,
    first,
    ignored === 0
      ? undefined
      : 'what has nothing to do with agents is not recorded here (otlp.receive.other in config.yaml)',
  ].filter((reason) => reason !== undefined);
  return {
    rejected: bad + ignored + refused.size,
    message: reasons.join('; ').slice(0, 4 * LIMITS.otlpTextBytes),
  };
}
