/**
 * Somebody's HTTP endpoint as an anchor, signed as the Standard Webhooks specification says (standardwebhooks.com): what
 * it does with the checkpoint is its owner's. Nobody signs a time.
 */
import { createHash } from 'node:crypto';
import { decodeUtf8, encodeBase64, encodeUtf8 } from '../core/bytes.ts';
import { invariant, TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../core/ports.ts';
import { postBounded } from '../net/post.ts';
import { signatures } from '../net/standard-webhooks.ts';
import type { AnchorDriver, AnchorSubject } from './driver.ts';
import { ASKED_AGAIN } from './failure.ts';

export function createWebhookAnchor(options: {
  readonly name: string;
  readonly url: string;
  /** Reads the secret anew for each call; undefined when it is not in the vault. Absent: nothing is signed. */
  readonly secret?: { readonly name: string; readonly read: () => Uint8Array | undefined };
  readonly now: Clock;
  readonly timeoutMs?: number;
}): AnchorDriver {
  const { name, url, secret } = options;
  // Such addresses often hold a secret in their path, and a message ends up in entries.
  const who = `the webhook at ${new URL(url).host}`;
  return {
    name,
    type: 'webhook',
    async anchor(subject, signal) {
      const body = encodeUtf8(messageOf(subject));
      // The same for each try of one checkpoint: a receiver that keeps ids does its work once.
      const id = `chk_${createHash('sha256').update(name).update('\0').update(subject.note).digest('hex').slice(0, 32)}`;
      const seconds = String(Math.floor(options.now() / 1000));
      const signature = secret === undefined ? {} : signed(secret, { id, seconds, body });
      const { status, body: answer } = await postBounded({
        failure: ASKED_AGAIN,
        who,
        url,
        body,
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': seconds,
          ...signature,
        },
        timeoutMs: options.timeoutMs ?? LIMITS.anchorAnswerMs,
        mostBytes: LIMITS.webhookAnswerBytes,
        signal,
      });
      if (status < 200 || status >= 300)
        throw new TallyError('ANCHOR_FAILED', `${who} answered ${status}`, {
          hint: 'anything but 2xx means that it did not take the checkpoint; it is tried again later',
        });
      const sha256 = createHash('sha256').update(answer).digest('hex');
      return {
        suffix: 'json',
        bytes: encodeUtf8(`${JSON.stringify({ id, status, answer_sha256: sha256 })}\n`),
      };
    },
  };
}

function messageOf({ origin, size, root, note }: AnchorSubject): string {
  const checkpoint = decodeUtf8(note);
  invariant(checkpoint !== undefined, 'a signed note is UTF-8');
  return JSON.stringify({ origin, size, root: encodeBase64(root), checkpoint });
}

function signed(
  { name, read }: { readonly name: string; readonly read: () => Uint8Array | undefined },
  { id, seconds, body }: { readonly id: string; readonly seconds: string; readonly body: Uint8Array },
): Readonly<Record<string, string>> {
  const secret = read();
  if (secret === undefined)
    throw new TallyError(
      'ANCHOR_FAILED',
      `the vault has no secret ${name}, which this webhook is signed with`,
      {
        hint: `tally secrets set ${name}`,
      },
    );
  return { 'webhook-signature': signatures([secret], { id, seconds, body }) };
}
