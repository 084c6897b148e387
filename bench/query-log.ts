/**
 * Writes a log for what asks logs: entries of a month as a busy company would leave them, quickly. Calls of two entries
 * whose ends come later, points, ids and paths that nobody else has, reasons out of some thousand words. It is not
 * chained or signed: nothing that is measured on it looks at that.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { serializeEntry } from '../src/core/canonical.ts';
import { GENESIS_PREV } from '../src/core/entry.ts';
import { LIMITS } from '../src/core/limits.ts';

export const DAYS = 30;
export const END_MS = Date.UTC(2026, 10, 21);
export const AGENTS = 200;
export const RUN_ENTRIES = 400;
const DAY_MS = 86_400_000;
/** Different events, over and over again; making each costs more than all the rest. */
const EVENTS = 8_192;
const BUFFERED = 4 * 1024 * 1024;
/** Of ten entries: begin, end, point. */
const TURN = ['pre', 'point', 'pre', 'post', 'point', 'post', 'pre', 'point', 'post', 'point'] as const;
/** Calls that are under way at any time. */
const OPEN = 23;
const WORDS = 5_000;

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const base32 = (value: number, chars: number): string => {
  let text = '';
  for (let rest = value, i = 0; i < chars; i++, rest = Math.floor(rest / 32))
    text = DIGITS.charAt(rest % 32) + text;
  return text;
};
const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;
/** Small numbers more often than large ones, as words and agents are used. */
const skewed = (below: number): number => Math.floor(below * Math.random() ** 2.5);

export const agentName = (n: number): string => `agent-${String(n).padStart(3, '0')}`;
export const runName = (n: number): string => `run_01JD${base32(n, 22)}`;
export const hostName = (n: number): string =>
  `${pick(['api', 'eu', 'files', 'hooks'], n)}.service${n}.example.com`;
export const word = (n: number): string => `w${base32(n * 7919 + 31, 4).toLowerCase()}`;
const reason = (): string => Array.from({ length: 6 }, () => word(skewed(WORDS))).join(' ');

/** The text of an entry between what differs in each. */
type Template = readonly string[];
const MARKS = ['#id#', '"index":0,', '#parent#', '#token#', '#run#', '#step#', '#ts#'];
const SPLIT = new RegExp(MARKS.join('|'));

function template(
  n: number,
  kind: (typeof TURN)[number],
): { readonly parts: Template; readonly marks: readonly string[] } {
  const outcome = {
    status: n % 29 === 0 ? 'error' : 'ok',
    status_code: pick([200, 200, 200, 201, 404, 200, 200, 500, 200, 429, 200], n),
    duration_ms: (n * 7919) % 1300,
    bytes_in: (n * 104729) % 60_000,
  };
  const call = kind !== 'point';
  const text = serializeEntry({
    v: 1,
    id: '#id#',
    index: 0,
    prev: GENESIS_PREV,
    ts: '#ts#',
    type: call ? 'http.call' : pick(['tool.call', 'secret.access', 'agent.note', 'tool.call'], n),
    tenant_id: 'local',
    phase: call ? `${kind}_exec` : 'point',
    ...(kind === 'post' ? { parent_id: '#parent#' } : {}),
    run_id: '#run#',
    step_id: '#step#',
    actor: {
      agent_id: agentName(skewed(AGENTS)),
      identity_level: 'declared',
      user: { id: `user-${n % 50}` },
    },
    action: {
      name: pick(['invoice.create', 'ticket.search', 'file.read', 'mail.send', 'chat.complete'], n),
      target: {
        scheme: 'https',
        host: hostName(skewed(60)),
        port: 443,
        path: `/v1/${pick(['invoices', 'tickets', 'files', 'messages'], n)}/#token#`,
        method: n % 3 === 0 ? 'POST' : 'GET',
      },
      args_hash: randomBytes(32).toString('hex'),
    },
    source: {
      surface: call ? 'proxy' : 'sdk',
      assurance: call ? 'enforced' : 'observed',
      recorder_id: 'rec_1',
      recorder_version: '0',
      seq: n,
    },
    ...(kind === 'post' ? {} : { reason: reason() }),
    ...(kind === 'pre' ? {} : { outcome }),
    ...(call ? { credentials: [{ ref: `cred-${n % 12}`, injection: 'bearer' }] } : {}),
    ...(kind === 'pre'
      ? {
          decision: {
            outcome: n % 40 === 0 ? 'stop' : 'allow',
            enforced: true,
            layer: 'allowlist',
            reason: 'host_allowed',
          },
        }
      : {}),
    metadata: { attempt: 1 + (n % 3), note: 'as agreed by phone' },
  } as unknown as Parameters<typeof serializeEntry>[0]);
  return { parts: text.split(SPLIT), marks: text.match(new RegExp(SPLIT, 'g')) ?? [] };
}

/** The directory of the log. */
export function writeQueryLog(directory: string, entries: number): string {
  const templates = Array.from({ length: EVENTS }, (_, n) => template(n, pick(TURN, n)));
  mkdirSync(join(directory, 'entries'), { recursive: true });
  const origin = 'bench.example/local';
  const keys = [{ vkey: 'none', from: 0 }];
  writeFileSync(
    join(directory, 'log.json'),
    JSON.stringify({ format: 1, tenant: 'local', origin, keys, created: '2026-01-01T00:00:00.000Z' }),
  );
  const block = Buffer.alloc(BUFFERED + LIMITS.entryBytes);
  const open: string[] = [];
  let filled = 0;
  let fd = -1;
  const flush = (): void => {
    if (filled > 0) writeSync(fd, block, 0, filled);
    filled = 0;
  };
  const begun = END_MS - DAYS * DAY_MS;
  for (let index = 0; index < entries; index++) {
    if (index % LIMITS.segmentEntries === 0) {
      flush();
      if (fd >= 0) closeSync(fd);
      fd = openSync(join(directory, 'entries', `${String(index).padStart(12, '0')}.jsonl`), 'w');
    }
    const ms = begun + Math.floor((index * DAYS * DAY_MS) / entries);
    // EVENTS is no multiple of ten: the kind decides which templates fit.
    const turn = index % TURN.length;
    const { parts, marks } = templates[
      turn + TURN.length * Math.floor(Math.random() * (EVENTS / TURN.length - 1))
    ] ?? { parts: [], marks: [] };
    const random = Math.random().toString(16).slice(2, 14);
    const id = `log_${base32(ms, 10)}${random.toUpperCase().padEnd(12, '0')}${base32(index, 4)}`;
    if (TURN[turn] === 'pre') open.push(id);
    let text = parts[0] ?? '';
    for (let i = 0; i < marks.length; i++) {
      switch (marks[i]) {
        case '#id#':
          text += id;
          break;
        case '#parent#':
          text += open.length > OPEN ? open.shift() : (open[0] ?? 'log_none');
          break;
        case '#token#':
          text += random;
          break;
        case '#run#':
          text += runName(Math.floor(index / RUN_ENTRIES) + (index % 3));
          break;
        case '#step#':
          text += `step_${index}`;
          break;
        case '#ts#':
          text += new Date(ms).toISOString();
          break;
        default:
          text += `"index":${index},`;
      }
      text += parts[i + 1];
    }
    filled += block.write(`${text}\n`, filled, 'latin1');
    if (filled > BUFFERED) flush();
  }
  flush();
  if (fd >= 0) closeSync(fd);
  return directory;
}

if (import.meta.main) {
  const [directory = '', entries = '1000000'] = process.argv.slice(2);
  writeQueryLog(directory, Number(entries));
}
