/** Requests that would come back to the broker itself, again and again. */
import type { Socket } from 'node:net';
import { classifyAddress } from '../../core/policy/address.ts';
import type { CallFacts } from './events.ts';
import { LOOP } from './failure.ts';
import { type Journal, refuse } from './refuse.ts';
import type { Exchange } from './reply.ts';
import type { TargetUrl } from './target.ts';

/** This machine, as whoever listens on 127.0.0.1 sees it. */
function isHere(address: string): boolean {
  const { kind } = classifyAddress(address);
  return kind === 'loopback' || kind === 'unspecified';
}

/** `socket`: that the request came on; its own end is where we listen. */
export function isOwnTarget(
  { host, port }: Pick<TargetUrl, 'host' | 'port'>,
  { localPort }: Pick<Socket, 'localPort'>,
): boolean {
  return port === localPort && (host === 'localhost' || host.endsWith('.localhost') || isHere(host));
}

/** The same of what a name was resolved to. */
export function isOwnAddress(
  { control: { forwarded, target } }: CallFacts,
  addresses: readonly string[] = [],
  { localPort }: Pick<Socket, 'localPort'>,
): boolean {
  return forwarded !== undefined && target?.port === localPort && addresses.some(isHere);
}

export function refuseLoop(journal: Journal, exchange: Exchange, facts: CallFacts): Promise<void> {
  const { kind: reason, text } = LOOP;
  const reply = { status: 403, body: { error: reason, message: text, reason } };
  return refuse(journal, exchange, facts, reply, { status: 'blocked', error_kind: reason, error: text });
}
