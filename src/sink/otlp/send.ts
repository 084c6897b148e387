/** One request of OTLP/HTTP to a collector, and what its answer means. */
import { decodeUtf8 } from '../../core/bytes.ts';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { parseJson } from '../../core/parse.ts';
import { isObject } from '../../core/query/fields.ts';
import { postBounded } from '../../net/post.ts';
import { logsUrl, type OtlpForward, placeOf } from './setting.ts';

/** Reads a credential anew for each try; undefined when the vault does not hold it. The caller wipes it. */
export type ReadSecret = (name: string) => Uint8Array | undefined;

/** It has the entries. */
export interface Taken {
  /** Records that it says it did not take. It is not to be sent those again. */
  readonly rejected: number;
  readonly why: string;
}

const HINT = 'nothing is lost: it is tried again, and `tally status` shows how far it is';

/**
 * Throws `DELIVERY_FAILED` when the collector does not have the entries, in words that name no secret;
 * `details.retry_after_ms` when it says when to come again.
 */
export async function sendLogs(
  setting: OtlpForward,
  body: Uint8Array,
  {
    read,
    now,
    signal,
  }: { readonly read: ReadSecret; readonly now: () => number; readonly signal: AbortSignal },
): Promise<Taken> {
  const who = `the collector ${placeOf(setting)}`;
  const answer = await postBounded({
    who,
    url: logsUrl(setting),
    body,
    headers: { 'content-type': 'application/json', ...setting.headers, ...secretsOf(setting, read) },
    failure: { code: 'DELIVERY_FAILED', hint: HINT },
    timeoutMs: LIMITS.otlpAnswerMs,
    mostBytes: LIMITS.otlpAnswerBytes,
    signal,
  });
  if (answer.status >= 200 && answer.status < 300) return takenOf(answer.body);
  const redirect = answer.status >= 300 && answer.status < 400 ? '; redirects are not followed' : '';
  const after = retryAfterMs(answer.retryAfter, now());
  throw new TallyError('DELIVERY_FAILED', `${who} answered ${answer.status}${redirect}`, {
    hint: HINT,
    details: { status: answer.status, ...(after === undefined ? {} : { retry_after_ms: after }) },
  });
}

/** A header needs a text, which cannot be wiped; the bytes it was made of are. */
function secretsOf({ secret_headers = {} }: OtlpForward, read: ReadSecret): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [header, credential] of Object.entries(secret_headers)) {
    const value = read(credential);
    if (value === undefined)
      throw new TallyError(
        'DELIVERY_FAILED',
        `the vault has no secret ${credential}, which is the header ${header}: tally secrets set ${credential}`,
        {
          hint: `store it: tally secrets set ${credential}`,
        },
      );
    const text = Buffer.from(value).toString('utf8').trim();
    value.fill(0);
    if (!/^[\x20-\x7e\x80-\xff]+$/.test(text))
      throw new TallyError(
        'DELIVERY_FAILED',
        `what the vault holds as ${credential} cannot stand in a header`,
        {
          hint: `store the whole value of ${header}, such as Bearer and a token: tally secrets set ${credential}`,
        },
      );
    headers[header] = text;
  }
  return headers;
}

/** Anything that is no partial success is a whole one: some collectors answer with nothing. */
function takenOf(body: Uint8Array): Taken {
  const text = decodeUtf8(body);
  let value: unknown;
  try {
    value = text === undefined || text === '' ? undefined : parseJson(text);
  } catch {
    // No JSON, from a receiver that answers otherwise.
  }
  const partial = isObject(value) && isObject(value.partialSuccess) ? value.partialSuccess : {};
  const rejected = Number(partial.rejectedLogRecords ?? 0);
  const why = typeof partial.errorMessage === 'string' ? partial.errorMessage : '';
  return {
    rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
    why: why.toWellFormed().slice(0, LIMITS.otlpTextBytes),
  };
}

/** Seconds, or a date. */
function retryAfterMs(retryAfter: string | undefined, now: number): number | undefined {
  if (retryAfter === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LIMITS.otlpAgainMostMs);
}
