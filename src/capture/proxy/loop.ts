/**
 * Requests that would come back to this very process: to the broker, again and again, or to what else the recorder serves
 * beside it, past whoever asks who calls there.
 */
import { classifyAddress } from '../../core/policy/address.ts';
import type { CallFacts } from './events.ts';
import { LOOP } from './failure.ts';
import { type Journal, refuse } from './refuse.ts';
import type { Exchange } from './reply.ts';
import type { TargetUrl } from './target.ts';

/** Whether something of this process listens there, on 127.0.0.1. */
export type IsOwnPort = (port: number) => boolean;

/** This machine, as whoever listens on 127.0.0.1 sees it. */
function isHere(address: string): boolean {
  const { kind } = classifyAddress(address);
  return kind === 'loopback' || kind === 'unspecified';
}

export function isOwnTarget({ host, port }: Pick<TargetUrl, 'host' | 'port'>, isOwnPort: IsOwnPort): boolean {
  return isOwnPort(port) && (host === 'localhost' || host.endsWith('.localhost') || isHere(host));
}

/** The same of what a name was resolved to. */
export function leadsHere(
  port: number | undefined,
  addresses: readonly string[] = [],
  isOwnPort: IsOwnPort,
): boolean {
  return port !== undefined && isOwnPort(port) && addresses.some(isHere);
}

export function refuseLoop(journal: Journal, exchange: Exchange, facts: CallFacts): Promise<void> {
  const { kind: reason, text } = LOOP;
  const reply = { status: 403, body: { error: reason, message: text, reason } };
  return refuse(journal, exchange, facts, reply, { status: 'blocked', error_kind: reason, error: text });
}
