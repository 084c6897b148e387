/** One POST to where alerts go: the secrets are read for it and wiped after it, and what comes back is a status. */
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../core/ports.ts';
import { type PostAnswer, postBounded } from '../net/post.ts';
import { WebUrlSchema } from '../net/web-url.ts';

/** Reads a credential anew for each try; undefined when the vault does not hold it. The caller wipes it. */
export type ReadSecret = (name: string) => Uint8Array | undefined;

const TRIED_AGAIN = 'it is tried again; what was never taken is listed by `tally alerts list --undelivered`';

export function secretNamed(read: ReadSecret, name: string, what: string): Uint8Array {
  const value = read(name);
  if (value !== undefined) return value;
  throw new TallyError('DELIVERY_FAILED', `the vault has no secret ${name}, ${what}`, {
    hint: `store it: tally secrets set ${name}`,
  });
}

/** The URL that lies in the vault. No error quotes it. */
export function urlNamed(read: ReadSecret, name: string): string {
  const value = secretNamed(read, name, 'which is the URL of this destination');
  const text = Buffer.from(value).toString('utf8').trim();
  value.fill(0);
  if (WebUrlSchema.safeParse(text).success) return text;
  throw new TallyError('DELIVERY_FAILED', `what the vault holds as ${name} is no http or https URL`, {
    hint: `store the whole URL, without user, password and fragment: tally secrets set ${name}`,
  });
}

export async function post(options: {
  readonly who: string;
  readonly url: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly now: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number | undefined;
}): Promise<void> {
  const { who, now, timeoutMs = LIMITS.deliveryAnswerMs, ...rest } = options;
  const answer = await postBounded({
    ...rest,
    who,
    failure: { code: 'DELIVERY_FAILED', hint: TRIED_AGAIN },
    timeoutMs,
    mostBytes: LIMITS.webhookAnswerBytes,
  });
  if (answer.status >= 200 && answer.status < 300) return;
  const after = retryAfterMs(answer, now());
  const redirect = answer.status >= 300 && answer.status < 400 ? '; redirects are not followed' : '';
  throw new TallyError('DELIVERY_FAILED', `${who} answered ${answer.status}${redirect}`, {
    hint: TRIED_AGAIN,
    details: { status: answer.status, ...(after === undefined ? {} : { retry_after_ms: after }) },
  });
}

/** Seconds, or a date. Somebody who asks for a year is asked again after the longest wait that we make ourselves. */
function retryAfterMs({ retryAfter }: PostAnswer, now: number): number | undefined {
  if (retryAfter === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LIMITS.deliveryRetryMostMs);
}
