/**
 * What is sent over raw sockets: requests as a program writes them, as an attacker does, and as a broken one does. A plan
 * is plain data; `bytesOf` puts the number of its connection into every path, so that each request can be told apart.
 */
import fc from 'fast-check';
import { type Frame, frames } from './frames.ts';
import { HELLOS, type Hello } from './hello.ts';

/** How a request wants to be carried: by control headers, in absolute form, inside of a CONNECT, or through one unread. */
export const WAYS = ['addressed', 'absolute', 'tunnel', 'unread'] as const;
export type Way = (typeof WAYS)[number];

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'get', 'BREW'] as const;
const BODIES = [
  'none',
  'whole',
  'chunked',
  'short',
  'long',
  'bad-chunk',
  'endless-chunk',
  'request',
] as const;
const CREDENTIALS = ['none', 'named', 'placeholder', 'foreign', 'unknown'] as const;
const PROOFS = ['none', 'run', 'garbage', 'twice'] as const;
const QUIRKS = [
  'none',
  'length-and-chunked',
  'two-lengths',
  'coding-list',
  'coding-odd',
  'bare-cr',
  'bare-lf',
  'folded',
  'huge-header',
  'many-headers',
  'nul',
  'not-utf8',
  'space-before-colon',
  'userinfo',
  'decimal-host',
  'octal-host',
  'mapped-host',
  'short-host',
  'other-host-header',
  'two-hosts',
  'no-host',
  'http-1.0',
  'http-0.9',
  'http-2',
  'upgrade',
  'expect',
  'expect-odd',
  'override',
  'origin',
  'control-header',
  'connection-names',
  'fragment',
  'dot-segments',
] as const;
export type Quirk = (typeof QUIRKS)[number];

export interface RequestPlan {
  readonly method: (typeof METHODS)[number];
  readonly body: (typeof BODIES)[number];
  readonly size: number;
  readonly json: boolean;
  readonly credential: (typeof CREDENTIALS)[number];
  readonly proof: (typeof PROOFS)[number];
  readonly quirk: Quirk;
}

export interface Plan {
  readonly way: Way;
  readonly requests: readonly RequestPlan[];
  /** All requests at once, or each after the answer to the one before. */
  readonly pipelined: boolean;
  /** Where the bytes are cut into writes, as parts of their length. */
  readonly cuts: readonly number[];
  readonly end: 'wait' | 'half-close' | 'reset' | 'vanish';
  /** In place of a TLS handshake. */
  readonly noise: boolean;
  /** In place of that of a TLS library; undefined: that one. */
  readonly hello: Hello | undefined;
  /** Sent once something has become a WebSocket. */
  readonly frames: readonly Frame[];
  /** Flips bytes: position and value. */
  readonly damage: readonly (readonly [at: number, xor: number])[];
}

const mostly = <T>(usual: T, others: readonly T[], weight = 3) =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const request: fc.Arbitrary<RequestPlan> = fc.record({
  method: mostly<RequestPlan['method']>('GET', METHODS, 2),
  body: mostly<RequestPlan['body']>('none', BODIES, 1),
  size: fc.oneof(fc.nat(64), fc.nat(4_096), fc.nat(70_000)),
  json: fc.boolean(),
  credential: mostly<RequestPlan['credential']>('named', CREDENTIALS, 1),
  proof: mostly<RequestPlan['proof']>('run', PROOFS, 2),
  quirk: mostly<Quirk>('none', QUIRKS, 1),
});

export const plans: fc.Arbitrary<Plan> = fc.record({
  way: fc.constantFrom(...WAYS),
  requests: fc.array(request, { minLength: 1, maxLength: 3 }),
  pipelined: mostly(false, [true], 2),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
  end: mostly<Plan['end']>('wait', ['half-close', 'reset', 'vanish'], 4),
  noise: mostly(false, [true], 12),
  hello: mostly<Hello | undefined>(undefined, HELLOS, 4),
  frames,
  damage: fc.oneof(
    { weight: 6, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
    },
  ),
});

/** Nothing about it is odd: it has to be answered, whatever the answer is. */
export const isPlain = ({ requests: [first, ...more], noise, hello, damage, end }: Plan): boolean =>
  first !== undefined &&
  hello === undefined &&
  more.length === 0 &&
  !noise &&
  damage.length === 0 &&
  end === 'wait' &&
  first.quirk === 'none' &&
  ['none', 'whole', 'chunked'].includes(first.body);
