/** Signatures of the Standard Webhooks specification (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`. */
import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/**
 * The value of `webhook-signature`: one `v1,…` for each secret, in their order, so that a receiver goes on while the
 * secret is replaced. `seconds`: the value of `webhook-timestamp`. Nothing of a secret is kept.
 */
export function signatures(
  secrets: readonly Uint8Array[],
  { id, seconds, body }: { readonly id: string; readonly seconds: string; readonly body: Uint8Array },
): string {
  return secrets
    .map((secret) => {
      const text = Buffer.from(secret).toString('utf8').trim();
      // "whsec_" and base64, as services hand them out; anything else is taken as it is.
      const key = text.startsWith(PREFIX)
        ? Buffer.from(text.slice(PREFIX.length), 'base64')
        : Buffer.from(text);
      const mac = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64');
      key.fill(0);
      return `v1,${mac}`;
    })
    .join(' ');
}
