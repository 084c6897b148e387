/** What the engine wants written: an alert that begins, or one that ends. */
import { decodeHex } from '../bytes.ts';
import { invariant } from '../error.ts';
import { sha256Hex } from '../hash.ts';
import { ulidSource } from '../ulid.ts';
import type { AlertKind, Severity } from './rule.ts';

export interface Raise {
  readonly do: 'raise';
  /** Of the entry, and of the alert. The same entries of the same log always give the same. */
  readonly id: string;
  readonly rule: string;
  readonly kind: AlertKind;
  readonly severity: Severity;
  readonly subject: string;
  /** One sentence for a person. */
  readonly message: string;
  /** What makes two alerts of a rule one. */
  readonly key: string;
  /** When it came about: milliseconds since the epoch. */
  readonly at: number;
  /** Indices of entries, oldest first. */
  readonly evidence: readonly number[];
  readonly score?: number;
  readonly destinations?: readonly string[];
}

/** `withdrawn`: its rule is no longer in force. */
export const CLOSE_REASONS = ['quiet', 'acknowledged', 'resolved', 'withdrawn'] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

export interface Close {
  readonly do: 'close';
  readonly id: string;
  /** The alert that ends. */
  readonly alert: string;
  readonly rule: string;
  readonly kind: AlertKind;
  readonly severity: Severity;
  readonly subject: string;
  readonly why: Exclude<CloseReason, 'acknowledged'>;
  readonly at: number;
  /** How often it matched in all. */
  readonly count: number;
  readonly destinations?: readonly string[];
}

export type Action = Raise | Close;

/**
 * An entry's id that is derived from what the entry says: when the same is written twice, after a crash, the recorder
 * gives back the first.
 */
export function derivedId(atMs: number, ...parts: readonly (string | number)[]): string {
  const hash = decodeHex(sha256Hex(parts.join('\0')));
  invariant(hash !== undefined, 'a hash is hex');
  const ms = Math.min(Math.max(0, Math.floor(atMs)), 2 ** 48 - 1);
  return `log_${ulidSource((size) => hash.subarray(0, size))(ms)}`;
}

/** One thing that a rule found. */
export interface Hit {
  readonly key: string;
  readonly subject: string;
  /** Asked for only when it is told: most of what is found belongs to an alert that is open already. */
  readonly message: () => string;
  readonly at: number;
  readonly evidence: readonly number[];
  readonly score?: number;
}

/** Where the parts of a rule tell what they found, and that something is over. */
export interface Teller {
  hit(hit: Hit): void;
  /** What was raised under that key is over. */
  resolve(key: string, at: number): void;
}
