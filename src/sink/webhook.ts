/** Somebody's HTTP endpoint, signed as the Standard Webhooks specification says, so that any of its libraries checks it. */
import { encodeUtf8 } from '../core/bytes.ts';
import type { Clock } from '../core/ports.ts';
import { signatures } from '../net/standard-webhooks.ts';
import type { Destination, Message } from './driver.ts';
import { post, type ReadSecret, secretNamed, urlNamed } from './endpoint.ts';
import type { DestinationSetting } from './setting.ts';

export function createWebhook(
  setting: Extract<DestinationSetting, { type: 'webhook' }>,
  { read, now, timeoutMs }: { readonly read: ReadSecret; readonly now: Clock; readonly timeoutMs?: number },
): Destination {
  const { name, url: plain, url_secret, secret = [] } = setting;
  const signing = typeof secret === 'string' ? [secret] : secret;
  return {
    name,
    type: 'webhook',
    async deliver(message, signal) {
      const url = url_secret === undefined ? (plain ?? '') : urlNamed(read, url_secret);
      const body = encodeUtf8(bodyOf(message, name));
      const { id } = message;
      const seconds = String(Math.floor(now() / 1000));
      const secrets = signing.map((one) => secretNamed(read, one, 'which this webhook is signed with'));
      const signature = secrets.length === 0 ? undefined : signatures(secrets, { id, seconds, body });
      for (const one of secrets) one.fill(0);
      await post({
        who: `the webhook ${name}`,
        url,
        body,
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': seconds,
          ...(signature === undefined ? {} : { 'webhook-signature': signature }),
        },
        now,
        signal,
        timeoutMs,
      });
    },
  };
}

/** `{"type","timestamp","data"}`: the form that the specification recommends. spec/alerts.md has the members. */
export function bodyOf({ id, index, ts, log, about }: Message, destination: string): string {
  if ('asked' in about) {
    const { to, ...asked } = about.asked;
    const own = to.get(destination);
    return JSON.stringify({
      type: 'approval.request',
      timestamp: ts,
      data: { log, id, index, ...asked, ...own },
    });
  }
  if ('raised' in about) {
    const { id: _id, index: _index, ts: _ts, destinations: _names, ...alert } = about.raised;
    return JSON.stringify({ type: 'alert.raise', timestamp: ts, data: { log, id, index, ...alert } });
  }
  const { id: _id, index: _index, ts: _ts, destinations: _names, ...closed } = about.closed;
  return JSON.stringify({ type: 'alert.close', timestamp: ts, data: { log, id, index, ...closed } });
}
