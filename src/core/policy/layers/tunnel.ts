/**
 * Where a CONNECT may go (connect.ts). One whose TLS ends in the broker passes: what is called inside is decided then.
 * Any other needs a line that has it tunnelled, and addresses that may be connected to.
 */
import { linesFor } from '../allowed-lines.ts';
import { connectWay, INTERCEPTED } from '../connect.ts';
import { formatHostPort } from '../hosts.ts';
import { fail, type KnownTarget, type LayerAnswer, type LayerContext } from '../layer.ts';
import { checkAddresses, mend, neverReached, noHost } from './reach.ts';

const HTTP_PORT = 80;

function unnamed({ policy, index }: LayerContext, to: KnownTarget, host: string): LayerAnswer {
  // Programs use CONNECT for http too, and then its port is all that says so.
  const known: KnownTarget = { ...to, scheme: to.port === HTTP_PORT ? 'http' : 'https' };
  const allow = `to let agents call it: ${mend(known, host)}`;
  if (linesFor(index, host).length > 0)
    return fail(
      'domain_not_in_allowlist',
      `${host} is in the allowlist, but not with port ${to.port}; ${allow}`,
    );
  if (policy.allowlist.length === 0 && policy.tunnel === undefined)
    return fail('empty_allowlist', `the allowlist is empty, so every call is stopped; ${allow}`);
  if (policy.unlisted === 'tunnel')
    return fail(
      'domain_not_in_allowlist',
      `only port 443 of hosts that nothing names is tunnelled, and this is ${formatHostPort(host, to.port)}; ${allow}, or to have its bytes pass unread name it under tunnel`,
    );
  return fail('domain_not_in_allowlist', `${host} is not in the allowlist; ${allow}`);
}

export function judgeTunnel(context: LayerContext): LayerAnswer {
  const { to, policy, index, inputs } = context;
  if (to?.host === undefined) return noHost(to);
  const { host, port } = to;
  const never = neverReached(host);
  if (never !== undefined) return never;
  const way = connectWay(policy, index, host, port ?? 0);
  switch (way.way) {
    case 'intercept':
      return { result: 'pass', read: { allowlist_line: INTERCEPTED } };
    case 'stop':
      return unnamed(context, to, host);
    case 'tunnel': {
      const opens = `tunnel: [{ host: ${JSON.stringify(host)}, port: ${port ?? 0}, internal: true }]`;
      return checkAddresses(host, { line: way.line, internal: way.internal, opens }, inputs.addresses);
    }
  }
}
