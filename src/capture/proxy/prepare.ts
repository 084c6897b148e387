/** The request as it goes out, made of the one that came and of what was fetched for it. */
import type { BodyBefore } from './before.ts';
import { type Fetched, wipe } from './credentials.ts';
import type { CallFacts } from './events.ts';
import type { Failure } from './failure.ts';
import { inject } from './inject.ts';
import { NO_SCRUBBER, type Scrubber, type Scrubbers } from './scrub.ts';
import type { TargetUrl } from './target.ts';
import type { WireRequest } from './wire.ts';

export interface ToSend {
  readonly facts: CallFacts;
  readonly target: TargetUrl;
  readonly before: BodyBefore;
}

export type Prepared =
  | { readonly wire: WireRequest; readonly scrubber: Scrubber }
  | { readonly failure: Failure };

/** The credentials are in the request and in the scrubber's tables when this returns, and nowhere else of ours. */
export function prepare(scrubbers: Scrubbers, { facts, target, before }: ToSend, fetched: Fetched): Prepared {
  const { forward, injections } = facts.control;
  if ('failure' in fetched) return fetched;
  const { credentials } = fetched;
  try {
    const plain: WireRequest = {
      path: `${target.path}${target.search}`,
      headers: forward,
      body: before.whole,
    };
    const injected = inject(plain, injections, new Map(credentials.map(({ ref, value }) => [ref, value])));
    if ('unusable' in injected)
      return { failure: { status: 'error', kind: 'credential_unusable', text: injected.unusable } };
    const scrubber = scrubbers.of(credentials, target.origin);
    // Nothing of ours went there, so nothing of ours can come back: bytes pass as they are, compressed or not.
    if (scrubber === NO_SCRUBBER) return { wire: injected.request, scrubber };
    const headers = [...without(injected.request.headers, 'accept-encoding'), 'accept-encoding', 'identity'];
    return { wire: { ...injected.request, headers }, scrubber };
  } finally {
    wipe(credentials);
  }
}

function without(headers: readonly string[], dropped: string): readonly string[] {
  return headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== dropped);
}
