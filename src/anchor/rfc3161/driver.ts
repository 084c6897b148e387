/**
 * A time stamping authority (RFC 3161) as an anchor: it signs that it has seen SHA-256 of the signed checkpoint at a
 * time. The token is stored as it came, for `openssl ts -verify` and for our own later verification.
 */

import { readFile } from 'node:fs/promises';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Random } from '../../core/ports.ts';
import { postBounded } from '../../net/post.ts';
import type { AnchorDriver } from '../driver.ts';
import { ASKED_AGAIN } from '../failure.ts';
import { readTrust, type Trust } from './chain.ts';
import { encodeRequest, NONCE_BYTES } from './request.ts';
import { checkToken } from './token.ts';

export const TOKEN_SUFFIX = 'tsr';

/** Throws BAD_CONFIG for a file that is gone or holds no certificate. Without a path there is no trust. */
export async function loadTrust(path: string | undefined): Promise<Trust | undefined> {
  if (path === undefined) return undefined;
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (error) {
    throw new TallyError(
      'BAD_CONFIG',
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'it is the `ca` of an anchor: put the certificate of the time stamping authority there',
        cause: error,
      },
    );
  }
  return readTrust(pem, path);
}

/**
 * The receipt carries a time only when the token leads to a certificate in `ca`: otherwise anybody between here and
 * there could have made it.
 */
export function createTimeStampAnchor(options: {
  readonly name: string;
  readonly url: string;
  /** A file with certificates in PEM, read anew each time. */
  readonly ca?: string;
  readonly random: Random;
  readonly timeoutMs?: number;
}): AnchorDriver {
  const who = `the time stamping authority at ${new URL(options.url).host}`;
  return {
    name: options.name,
    type: 'rfc3161',
    async anchor({ note }, signal) {
      const trust = await loadTrust(options.ca);
      const { der, nonce } = encodeRequest(note, options.random(NONCE_BYTES));
      const { status, body } = await postBounded({
        failure: ASKED_AGAIN,
        who,
        url: options.url,
        body: der,
        headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
        timeoutMs: options.timeoutMs ?? LIMITS.anchorAnswerMs,
        mostBytes: LIMITS.timeStampBytes,
        signal,
      });
      if (status !== 200) throw refused(who, `answered ${status}`);
      const token = checkToken({ response: body, data: note, nonce, trust });
      if (!token.ok) throw refused(who, `gave no good time stamp: ${token.why}`);
      return { suffix: TOKEN_SUFFIX, bytes: body, ...(token.trusted ? { time: token.time } : {}) };
    },
  };
}

function refused(who: string, what: string): TallyError {
  return new TallyError('ANCHOR_FAILED', `${who} ${what}`, {
    hint: 'compare its address and its certificate with what it publishes; it is tried again later',
  });
}
