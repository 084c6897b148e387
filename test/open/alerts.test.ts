/** The alerts of a real log in this process: files that are damaged or of another log, ends in the middle, hostile receivers. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setUp } from '../../src/cli/setup.ts';
import type { Event } from '../../src/core/entry.ts';
import { sha256Hex } from '../../src/core/hash.ts';
import { createFollower, RecorderEnded } from '../../src/open/alerts/follower.ts';
import { alertObjects } from '../../src/open/alerts/read.ts';
import type { AlertOptions } from '../../src/open/options.ts';
import { vaultOf } from '../../src/open/vault.ts';
import { openWriter, type Writer } from '../../src/open/writer.ts';
import { locate, type Paths } from '../../src/paths.ts';
import { openReader } from '../../src/reader.ts';
import type { DestinationSetting } from '../../src/sink/setting.ts';
import { OK, receiver } from '../sink/stage.ts';

const POLICY = `version: "1"
alerts:
  defaults: false
  rules:
    - { name: fast, kind: rate, by: host, count: 3, window: 1h, quiet: 1d }
    - { name: tampering, kind: verification_failed, every: 1s }
`;
const PRODUCER = { surface: 'sdk', assurance: 'observed' } as const;

interface Machine {
  readonly paths: Paths;
  readonly warnings: string[];
  open(alerts?: Partial<AlertOptions>): Promise<Writer>;
  call(writer: Writer, host: string, times: number): Promise<void>;
  /** Resolves when the rules have seen everything; gives the alerts that were raised in this log. */
  raised(writer: Writer): Promise<readonly string[]>;
}

function machine(t: TestContext): Machine {
  const home = mkdtempSync(join(tmpdir(), 'tally-alerts-'));
  const paths = locate({ env: { TALLY_HOME: home, XDG_RUNTIME_DIR: home }, home, tmp: home, uid: 0 });
  setUp(paths);
  writeFileSync(paths.policyFile, POLICY, { mode: 0o600 });
  const warnings: string[] = [];
  const open = new Set<Writer>();
  t.after(async () => {
    for (const writer of open) await writer.close('the end of the test');
    rmSync(home, { recursive: true, force: true });
  });
  return {
    paths,
    warnings,
    async open(alerts = {}) {
      const vault = vaultOf(paths);
      const writer = await openWriter(
        {
          paths,
          onWarning: (line) => warnings.push(line),
          alerts: {
            settings: () => ({ enabled: true, destinations: [] }),
            background: true,
            ...alerts,
          },
        },
        vault,
        () => vault.close(),
      );
      const opened: Writer = {
        ...writer,
        close(reason) {
          open.delete(opened);
          return writer.close(reason);
        },
      };
      open.add(opened);
      return opened;
    },
    async call({ recorder }, host, times) {
      const event: Event = { type: 'http.call', phase: 'point', action: { name: 'call', target: { host } } };
      for (let i = 0; i < times; i++) await recorder.record(event, PRODUCER);
    },
    async raised(writer) {
      const state = async () => (await writer.handle('status', {}, { pid: 1, surface: 'cli' })).alerts;
      let quiet = 0;
      const deadline = performance.now() + 20_000;
      // Seen twice in a row: what came of the last entries is an entry itself.
      while (quiet < 3) {
        assert.ok(performance.now() < deadline, `the rules did not get there: ${warnings.join('; ')}`);
        await new Promise((resolve) => setTimeout(resolve, 150));
        quiet = (await state())?.behind === 0 ? quiet + 1 : 0;
      }
      return readFileSync(join(openReader(paths).directory, 'entries/000000000000.jsonl'), 'utf8')
        .split('\n')
        .filter((line) => line.includes('"type":"alert.raise"'))
        .map((line) => (JSON.parse(line) as { metadata: { subject: string } }).metadata.subject);
    },
  };
}

const hashed = (text: string): string => `${sha256Hex(text)}\n${text}`;

test('a cursor that is damaged, of another log or ahead of this one costs a reading; nothing is raised twice or lost', async (t) => {
  const m = machine(t);
  const path = join(m.paths.state, 'alerts', 'local', 'cursor.json');
  const first = await m.open();
  await m.call(first, 'a.example', 3);
  assert.deepEqual(await m.raised(first), ['a.example']);
  await first.close('test');
  type Stored = {
    place: { index: number; offset: number };
    last: { place: object; sha256: string };
    engine: object;
  };
  const alter = (change: (stored: Stored) => object): string => {
    const text = readFileSync(path, 'utf8');
    return hashed(JSON.stringify(change(JSON.parse(text.slice(text.indexOf('\n') + 1)) as Stored)));
  };
  const damages: Readonly<Record<string, () => string>> = {
    empty: () => '',
    noise: () => 'not a cursor at all',
    'no JSON under its hash': () => hashed('{'),
    'ahead of the log': () =>
      alter((stored) => ({ ...stored, place: { ...stored.place, index: 1_000_000, offset: 1_000_000_000 } })),
    'of another log': () =>
      alter((stored) => ({ ...stored, last: { ...stored.last, sha256: sha256Hex('x') } })),
    'before the beginning': () => alter((stored) => ({ ...stored, place: { ...stored.place, offset: -1 } })),
    'without rules': () => alter((stored) => ({ ...stored, engine: {} })),
  };
  let n = 0;
  for (const [what, damage] of Object.entries(damages)) {
    writeFileSync(path, damage());
    const next = await m.open();
    await m.call(next, 'a.example', 1);
    const host = `b${n++}.example`;
    await m.call(next, host, 3);
    const raised = await m.raised(next);
    assert.equal(raised.filter((subject) => subject === 'a.example').length, 1, what);
    assert.equal(raised.filter((subject) => subject === host).length, 1, what);
    await next.close('test');
  }
});

test('a list of deliveries from a longer log hides no alert of this one', async (t) => {
  const m = machine(t);
  const ops = await receiver(t, OK);
  const destinations: DestinationSetting[] = [{ name: 'ops', type: 'webhook', url: ops.url }];
  const settings = () => ({ enabled: true, destinations });
  await (await m.open({ settings })).close('test');
  const path = join(m.paths.state, 'alerts', 'local', 'outbox.json');
  writeFileSync(path, JSON.stringify({ format: 1, reached: 1_000_000, waiting: [], dead: [] }));
  const writer = await m.open({ settings });
  await m.call(writer, 'a.example', 3);
  assert.deepEqual(await m.raised(writer), ['a.example']);
  const deadline = performance.now() + 10_000;
  while (ops.got.length === 0 && performance.now() < deadline) await new Promise((r) => setTimeout(r, 20));
  assert.equal(ops.got.length, 1);
});

test('a receiver and a verification that hang keep the end waiting for a moment only', async (t) => {
  const m = machine(t);
  const hangs = await receiver(t, () => undefined);
  const destinations: DestinationSetting[] = [{ name: 'ops', type: 'webhook', url: hangs.url }];
  let verifying = false;
  const writer = await m.open({
    settings: () => ({ enabled: true, destinations }),
    verify: (signal) =>
      new Promise((resolve) => {
        verifying = true;
        signal.addEventListener('abort', () => resolve(undefined));
      }),
  });
  await m.call(writer, 'a.example', 3);
  const deadline = performance.now() + 15_000;
  while ((hangs.got.length === 0 || !verifying) && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([hangs.got.length, verifying], [1, true]);
  const begun = performance.now();
  await writer.close('test');
  assert.ok(performance.now() - begun < 6_000);
  assert.deepEqual(m.warnings, []);
});

test('what was found and could not be recorded any more is raised by the next start', async (t) => {
  const m = machine(t);
  const writer = await m.open();
  await m.raised(writer);
  await writer.close('test');
  const quiet = await m.open({ background: false });
  await m.call(quiet, 'a.example', 3);
  const durable = quiet.recorder.size();
  await quiet.close('test');

  const { reader } = openReader(m.paths);
  const found: string[] = [];
  const follow = async (record: (event: Event) => Promise<void>): Promise<void> => {
    const follower = await createFollower({
      reader,
      objects: alertObjects(m.paths),
      origin: 'host/local',
      durable: () => durable,
      record,
      take: async () => undefined,
      send: async () => undefined,
      resend: false,
      now: Date.now,
      onAlert: () => undefined,
      onTurn: () => undefined,
      onWarning: (line) => m.warnings.push(line),
    });
    follower.start();
    const deadline = performance.now() + 5_000;
    while (found.length === 0 && performance.now() < deadline) await new Promise((r) => setTimeout(r, 20));
    await follower.close();
  };
  await follow(async ({ metadata }) => {
    found.push(`refused ${String(metadata?.subject)}`);
    throw new RecorderEnded('the disk is full');
  });
  const refused = found.splice(0);
  await follow(async ({ metadata }) => void found.push(`raised ${String(metadata?.subject)}`));
  assert.deepEqual([refused, found], [['refused a.example'], ['raised a.example']]);
});
