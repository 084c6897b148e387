/**
 * Takes the injected credentials, in all their usual encodings, out of what an upstream sends back. An API that echoes
 * its request (and many error pages do) would otherwise hand the agent the key it must never hold.
 *
 * The tables that find a credential cost more to build than a small call, so they are kept for as long as the
 * credential has the same value.
 */
import { LIMITS } from '../../core/limits.ts';
import { type Matcher, viewOf } from '../../core/redact/matcher.ts';
import { createSecrets } from '../../core/redact/secrets.ts';
import { createScrubber } from '../../core/redact/stream.ts';
import type { Credential } from './credentials.ts';

export type Hits = {
  count: number;
  rules: Record<string, number>;
};

/** name, value, name, value… as read; returned scrubbed, as latin1 text. A name that holds a credential is dropped. */
export type HeaderScrub = (raw: readonly Buffer[]) => string[];

/** For one response. */
export interface Scrubber {
  readonly headers: HeaderScrub;
  /** What of the body may go on now: everything but bytes that could be the beginning of a credential. */
  push(chunk: Buffer): Buffer;
  /** The rest of the body. */
  end(): Buffer;
  hits(): Hits;
}

/** For an answer that nothing has to be taken out of. */
export const NO_SCRUBBER: Scrubber = {
  headers: (raw) => raw.map((part) => part.toString('latin1')),
  push: (chunk) => chunk,
  end: () => Buffer.alloc(0),
  hits: () => ({ count: 0, rules: {} }),
};

export interface Scrubbers {
  /**
   * For an answer of `origin` to a call with these credentials. Those that went there with earlier calls are taken out
   * too: an upstream may keep what it is sent, and show it to a later call that has no credential at all.
   *
   * The buffers are read now and may be wiped afterwards. NO_SCRUBBER: nothing ever went there.
   */
  of(credentials: readonly Credential[], origin: string): Scrubber;
  /** A value has changed. What went out before it did is remembered. */
  clear(): void;
  /** Forgets all values. */
  close(): void;
}

export function createScrubbers(): Scrubbers {
  const matchers = new Map<string, Matcher>();
  /** What went to each origin, by the same keys. */
  const sent = new Map<string, Map<string, Matcher>>();

  function matcherOf(key: string, credentials: readonly Credential[]): Matcher {
    const matcher = matchers.get(key) ?? build(credentials);
    putLast(matchers, key, matcher, LIMITS.scrubberCache);
    return matcher;
  }

  return {
    of(credentials, origin) {
      const there = sent.get(origin);
      if (credentials.length > 0) {
        // Neither member can have a space in it.
        const key = credentials.map(({ ref, version }) => `${ref} ${version}`).join(' ');
        const own = matcherOf(key, credentials);
        const all = there ?? new Map<string, Matcher>();
        putLast(all, key, own, LIMITS.scrubbersPerOrigin);
        putLast(sent, origin, all, LIMITS.scrubberCache);
        if (all.size === 1) return scrubberFor(own);
      }
      const all = [...(sent.get(origin)?.values() ?? [])].map(scrubberFor);
      return all.length === 0 ? NO_SCRUBBER : inTurn(all);
    },
    clear: () => matchers.clear(),
    close() {
      matchers.clear();
      sent.clear();
    },
  };
}

/** The first of the map is then the one not used for longest, and goes first. */
function putLast<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  if (map.size >= most) map.delete(map.keys().next().value ?? '');
  map.set(key, value);
}

/** Each gets what the one before it lets through. */
function inTurn(scrubbers: readonly Scrubber[]): Scrubber {
  const [first = NO_SCRUBBER, ...others] = scrubbers;
  return others.reduce(
    (one, next): Scrubber => ({
      headers: (raw) => next.headers(one.headers(raw).map((part) => Buffer.from(part, 'latin1'))),
      push: (chunk) => next.push(one.push(chunk)),
      end: () => Buffer.concat([next.push(one.end()), next.end()]),
      hits() {
        const [a, b] = [one.hits(), next.hits()];
        const rules = { ...a.rules };
        for (const [name, times] of Object.entries(b.rules)) rules[name] = (rules[name] ?? 0) + times;
        return { count: a.count + b.count, rules };
      },
    }),
    first,
  );
}

function build(credentials: readonly Credential[]): Matcher {
  const secrets = createSecrets();
  for (const { ref, value } of credentials) {
    const text = value.toString('utf8');
    secrets.set(ref, text);
    // A server that takes header bytes for ISO 8859-1, as RFC 9110 once said, writes them back as other characters.
    const misread = value.toString('latin1');
    if (misread !== text) secrets.set(`${ref} as latin1`, misread);
  }
  return secrets.plain();
}

/** Every part of a head ends in one; no part can hold one. */
const LINE = 0x0a;
let scratch = Buffer.alloc(LIMITS.responseHeaderBytes * 2);

function scrubberFor(matcher: Matcher): Scrubber {
  const body = createScrubber(matcher);
  const others: Readonly<Hits>[] = [];

  function scrubWhole(part: Buffer): Buffer {
    const one = createScrubber(matcher);
    const pieces = [one.push(part), one.flush()];
    if (one.counts.count === 0) return part;
    others.push(one.counts);
    return Buffer.concat(pieces);
  }

  function headers(raw: readonly Buffer[]): string[] {
    let length = 0;
    for (const part of raw) length += part.length + 1;
    if (length > scratch.length) scratch = Buffer.alloc(length);
    let at = 0;
    for (const part of raw) {
      part.copy(scratch, at);
      at += part.length;
      scratch[at++] = LINE;
    }
    if (matcher.find(viewOf(scratch), 0, length, length) === undefined)
      return length === 0 ? [] : scratch.toString('latin1', 0, length - 1).split('\n');
    scratch.fill(0, 0, length);
    const pairs: string[] = [];
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i] as Buffer;
      // The marker is no token, so a name cannot be kept with it.
      if (scrubWhole(name) === name)
        pairs.push(name.toString('latin1'), scrubWhole(raw[i + 1] as Buffer).toString('latin1'));
    }
    return pairs;
  }

  return {
    headers,
    push: (chunk) => bufferOf(body.push(chunk)),
    end: () => bufferOf(body.flush()),
    hits() {
      const rules: Record<string, number> = { ...body.counts.rules };
      let { count } = body.counts;
      for (const other of others) {
        count += other.count;
        for (const [name, times] of Object.entries(other.rules)) rules[name] = (rules[name] ?? 0) + times;
      }
      return { count, rules };
    },
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
