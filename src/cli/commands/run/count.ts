/** What a run did, counted from its entries in the log. */
import { type Call, type Facts, factsOf } from '../../../core/query/call.ts';
import { field, numberAt, textAt } from '../../../core/query/fields.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { readLog } from '../../reading.ts';
import { allowCommand, type Wanted } from './allow.ts';

export interface RunCounts {
  readonly calls: number;
  readonly stopped: number;
  /** Answered with "a person has to approve it"; the same call, made again or held, is another one. */
  readonly asked: number;
  /** Answered with 400 or more, or not at all. */
  readonly failed: number;
  readonly redacted: number;
  /** Connections that went through unread, as the policy says. */
  readonly tunnels: number;
  /** Calls by host, most first. */
  readonly hosts: readonly Tally[];
  /** By the command that allows it, in the order in which they were first asked for. */
  readonly blocked: readonly Tally[];
  /** Stopped for another reason than its host, by that reason and the decision's own words. */
  readonly otherwise: readonly Tally[];
  /** What failed, by host and why. */
  readonly failures: readonly Tally[];
  /** The policy allows no host at all: as it was made at the first start. */
  readonly emptyPolicy: boolean;
  /** Hosts to which the program did not go on, because it did not take the certificate that it was shown. */
  readonly untrusted: readonly Tally[];
  /** Beyond MOST_NAMES different ones of a kind: counted above, and named in the log. */
  readonly unnamed: number;
}

export interface Tally {
  readonly name: string;
  readonly count: number;
}

/** Different names of a kind that are kept; a program that makes names up must not fill the memory. */
const MOST_NAMES = 1_000;
const CONNECT = 'http.connect';

/** Reasons that `tally policy allow` does away with. */
const BY_HOST: ReadonlySet<string> = new Set([
  'empty_allowlist',
  'domain_not_in_allowlist',
  'non_https_blocked',
  'ssrf_protection_blocked',
]);

/** `since`: when the run started; older entries are not looked at. */
export async function countRun(context: Context, run: string, since: string): Promise<RunCounts> {
  const { directory } = await context.openReader();
  const filter = { run, since, types: ['http.call'] };
  const reading = await readLog(directory, { filter, raw: false, limit: Number.MAX_SAFE_INTEGER });
  const counts = { calls: 0, stopped: 0, asked: 0, failed: 0, redacted: 0, tunnels: 0, unnamed: 0 };
  const names = {
    hosts: new Map<string, number>(),
    blocked: new Map<string, number>(),
    otherwise: new Map<string, number>(),
    failures: new Map<string, number>(),
    untrusted: new Map<string, number>(),
  };
  let emptyPolicy = false;
  const add = (kind: keyof typeof names, name: string): void => {
    const known = names[kind];
    if (known.has(name) || known.size < MOST_NAMES) known.set(name, (known.get(name) ?? 0) + 1);
    else counts.unnamed++;
  };
  for await (const { call } of reading.hits()) {
    const facts = factsOf(call);
    const { host = '?', reasonCode } = facts;
    if (isUntrusted(call, facts)) {
      add('untrusted', host);
      continue;
    }
    const isStopped = facts.status === 'blocked' || facts.decision === 'stop';
    if (facts.action === CONNECT && !isStopped) {
      counts.tunnels++;
      continue;
    }
    counts.calls++;
    add('hosts', host);
    if (facts.redacted) counts.redacted++;
    if (facts.status === 'pending') counts.asked++;
    else if (isStopped) {
      counts.stopped++;
      if (reasonCode === 'empty_allowlist') emptyPolicy = true;
      const command = isForHost(facts) ? allowCommand(wantedBy(call, facts)) : undefined;
      if (command === undefined) add('otherwise', whyOf(call, facts));
      else add('blocked', command);
    } else if (isFailed(facts)) {
      counts.failed++;
      add('failures', failureOf(call, facts));
    }
  }
  return {
    ...counts,
    hosts: talliesOf(names.hosts).sort((a, b) => b.count - a.count),
    // The log is read from its end.
    blocked: talliesOf(names.blocked).reverse(),
    otherwise: talliesOf(names.otherwise),
    failures: talliesOf(names.failures),
    untrusted: talliesOf(names.untrusted),
    emptyPolicy,
  };
}

function talliesOf(names: ReadonlyMap<string, number>): Tally[] {
  return [...names].map(([name, count]) => ({ name, count }));
}

function textOf({ first, last = first }: Call): string | undefined {
  return textAt(last, 'outcome', 'error_kind');
}

/** The program ended the handshake, or asked for another name inside than outside: no call was made. */
function isUntrusted(call: Call, { action }: Facts): boolean {
  const kind = textOf(call);
  return action === CONNECT && (kind === 'tls_untrusted' || kind === 'tls_refused');
}

function wantedBy({ first }: Call, { host = '', reasonCode }: Facts): Wanted {
  const target = field(first, 'action', 'target');
  return { host, port: numberAt(target, 'port'), scheme: textAt(target, 'scheme'), reason: reasonCode };
}

/** Of a certificate that was not taken the words are told: they name what mends it, which no code does. */
function failureOf(call: Call, { host = '?', statusCode, status }: Facts): string {
  const kind = textOf(call);
  const words = kind === 'tls_failed' ? textAt(call.last ?? call.first, 'outcome', 'error') : undefined;
  return words ?? `${host} ${kind ?? statusCode ?? status ?? 'no answer'}`;
}

/** A tunnel to an address inside is opened by another line of the policy; the decision's own words name it. */
function isForHost({ action, reasonCode = '' }: Facts): boolean {
  return BY_HOST.has(reasonCode) && !(action === CONNECT && reasonCode === 'ssrf_protection_blocked');
}

function whyOf(call: Call, { reasonCode }: Facts): string {
  const code = reasonCode ?? textOf(call) ?? 'refused';
  const message =
    textAt(call.first, 'decision', 'message') ?? textAt(call.last ?? call.first, 'outcome', 'error');
  const mend = code === 'policy_unreadable' ? '; all that is wrong with it: tally policy check' : '';
  return message === undefined ? code : `${code}: ${message}${mend}`;
}

function isFailed({ status, statusCode }: Facts): boolean {
  return status !== 'ok' || (statusCode ?? 0) >= 400;
}

/** `12 calls: 1 stopped, 1 failed, 2 redacted` */
export function describeCounts({ calls, stopped, asked, failed, redacted, tunnels }: RunCounts): string {
  const parts = [
    stopped === 0 ? '' : `${stopped} stopped`,
    asked === 0 ? '' : `${asked} put to a person`,
    failed === 0 ? '' : `${failed} failed`,
    redacted === 0 ? '' : `${redacted} redacted`,
  ].filter((part) => part !== '');
  const told = counted(calls, 'call');
  const through = tunnels === 0 ? '' : ` · ${counted(tunnels, 'tunnel')}`;
  return `${parts.length === 0 ? told : `${told}: ${parts.join(', ')}`}${through}`;
}
