/**
 * Payloads that events bring: decides what is kept, redacts, cuts, seals. The blob goes to the pack of its entry's
 * segment and is durable before the entry that cites it; its key is durable before the blob is made.
 *
 * Redaction and sealing happen in the same turn of the event loop in which the entry gets its place: a secret that is set
 * before that is never sealed.
 */

import { GCM_NONCE_BYTES } from '../core/aes-gcm.ts';
import { decodeBase64, encodeUtf8 } from '../core/bytes.ts';
import { type Entry, type Event, type PayloadData, PayloadDataSchema } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { keyedDigest } from '../core/fingerprint.ts';
import { LIMITS } from '../core/limits.ts';
import { SALT_BYTES, sealBlob } from '../core/payload/blob.ts';
import { cutText } from '../core/payload/cut.ts';
import { type Kept, type Replaced, redactPayload, scrubPayload } from '../core/payload/kept.ts';
import type { PayloadPolicy } from '../core/payload/policy.ts';
import type { DataKeyStore, PackStore, Random } from '../core/ports.ts';
import type { Redactor } from '../core/redact/redact.ts';
import type { Producer } from './api.ts';
import { createDataKeys, type LeasedKey } from './data-keys.ts';
import type { Pending } from './pending.ts';

/** Where payloads go, and which are kept. Without it a recorder keeps none. */
export interface PayloadOptions {
  readonly packs: PackStore;
  readonly keys: DataKeyStore;
  readonly policy: PayloadPolicy;
}

type Cited = NonNullable<Entry['payload']>;

/** A payload as it goes into an entry; the place of its blob follows from the entry's. */
export interface Brought {
  readonly payload: Cited;
  readonly blob?: Uint8Array;
  readonly replaced: Replaced;
}

export interface PreparedPayload {
  /** Synchronous. For the entry with this id; once. */
  bring(entryId: string): Brought;
}

export interface Payloads {
  /**
   * Makes the event's payload ready for `record`; without one when nothing of it is kept. Errors: those of `record`;
   * `BAD_EVENT`, `ENTRY_TOO_LARGE` and those of the key store before it is called, and nothing is recorded then.
   */
  carry<T>(event: Event, producer: Producer, record: (payload?: PreparedPayload) => Promise<T>): Promise<T>;
  eraseKey(keyId: string): Promise<void>;
  /** See `DataKeys.retire`. */
  retire(keyIds: ReadonlySet<string>): Promise<void>;
  close(): Promise<void>;
}

const NOTHING: Replaced = { count: 0, rules: {} };

export interface PayloadsOptions extends PayloadOptions {
  readonly tenant: string;
  readonly masterKey: Uint8Array;
  readonly redactor: Redactor;
  readonly random: Random;
  readonly ulid: (nowMs: number) => string;
  readonly now: () => number;
  readonly pending: Pending;
}

export function createPayloads(options: PayloadsOptions): Payloads {
  const { policy, redactor, random, tenant } = options;
  const { alg, digest } = keyedDigest({ masterKey: options.masterKey });
  const keys = createDataKeys({ ...options, store: options.keys });

  /** Before redaction, like args_hash: two card numbers give two hashes. */
  function hashed(of: PayloadData, data: Uint8Array): Brought {
    const cut = of.truncated === true ? { truncated: true } : {};
    return { payload: { ...labels(of), hash: digest(data), hash_alg: alg, ...cut }, replaced: NOTHING };
  }

  function sealed(of: PayloadData, data: Uint8Array, leased: LeasedKey, full: boolean, id: string): Brought {
    const whole = full
      ? scrubPayload(data, redactor)
      : redactPayload(data, of.media_type, redactor, policy.maxBytes);
    if (whole === undefined) return hashed(of, data);
    const kept = of.truncated === true ? withoutEnd(whole) : whole;
    const { blob, commit, cipher_hash } = sealBlob({
      of: { tenant_id: tenant, key_id: leased.keyId, entry_id: id },
      key: leased.key,
      nonce: random(GCM_NONCE_BYTES),
      salt: random(SALT_BYTES),
      plain: kept.plain,
    });
    const payload = {
      ...labels(of),
      commit,
      cipher_hash,
      key_id: leased.keyId,
      ...(kept.truncated ? { truncated: true } : {}),
    };
    return { payload, blob, replaced: kept };
  }

  return {
    async carry(event, producer, record) {
      const of = checked(event);
      const keep = policy.keep(
        event.type,
        of.class,
        producer.imported === true ? 'import' : producer.surface,
      );
      if (keep === 'none') return record();
      const data = dataOf(of);
      if (keep === 'hash') return record({ bring: () => hashed(of, data) });
      // An end repeats the run of its beginning.
      const runId = event.run_id ?? options.pending.find(event.parent_id ?? '').action?.repeats.run_id;
      const leased = await keys.lease({
        // As they stand in the entry: the file of a key names both, and a client may put anything into them.
        class: redactor.redactText(of.class).value,
        ...(runId === undefined ? {} : redactor.redact({ run_id: runId }).value),
        ...(of.subject === undefined ? {} : { subject: of.subject }),
      });
      try {
        return await record({ bring: (id) => sealed(of, data, leased, keep === 'full', id) });
      } finally {
        leased.release();
        data.fill(0);
      }
    },
    eraseKey: keys.erase,
    retire: keys.retire,
    async close() {
      keys.close();
      await options.packs.close();
    },
  };
}

/** It was cut before redaction: half of a secret may stand at its end. */
function withoutEnd(kept: Kept): Kept {
  const most = Math.max(LIMITS.payloadKeptBytes, kept.plain.length - LIMITS.secretMaxBytes);
  return { ...kept, plain: cutText(kept.plain, most), truncated: true };
}

function labels({ media_type, class: of }: PayloadData): Pick<Cited, 'media_type' | 'class'> {
  return { media_type, class: of };
}

function checked(event: Event): PayloadData {
  const parsed = PayloadDataSchema.safeParse(event.payload);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0]?.path.join('.') ?? '';
  throw badPayload(`payload${at === '' ? '' : `.${at}`} is not as it should be`);
}

/** A copy: the caller may go on with its own. */
function dataOf({ data, encoding }: PayloadData): Uint8Array {
  const bytes = encoding === 'base64' ? decodeBase64(data) : encodeUtf8(data);
  if (bytes === undefined) throw badPayload('payload.data is not canonical base64');
  if (bytes.length > LIMITS.payloadBytes) {
    throw new TallyError(
      'ENTRY_TOO_LARGE',
      `the payload has ${bytes.length} bytes; at most ${LIMITS.payloadBytes} are taken`,
      { hint: 'send its beginning; nothing was recorded for this event' },
    );
  }
  return bytes;
}

function badPayload(message: string): TallyError {
  return new TallyError('BAD_EVENT', `not an event: ${message}`, {
    hint: 'spec/entry.md section 11 says what a payload is; nothing was recorded',
  });
}
