import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectHandover } from '../../src/capture/handover.ts';
import { locate } from '../../src/paths.ts';
import { type Home, makeHome, outcomeOf } from './home.ts';

/** Each costs a start of the program. */
const KILLS = 8;

interface Told {
  readonly status: string;
  readonly lines: Readonly<Record<'read' | 'imported' | 'skipped' | 'refused' | 'passed', number>>;
  readonly entries: { readonly recorded: number; readonly already_there: number };
  readonly refusals: readonly { readonly line: number; readonly why: string }[];
  readonly recorded: string | null;
  readonly sha256: string | null;
}

const access = (i: number): object => ({
  v: 1,
  action: 'get',
  key: `KEY_${i}`,
  outcome: 'found',
  session_id: 's',
  actor: { user: 'ada' },
});

function fileOf(home: Home, name: string, records: readonly (object | string)[]): string {
  const path = join(home.directory, name);
  writeFileSync(
    path,
    records.map((one) => `${typeof one === 'string' ? one : JSON.stringify(one)}\n`).join(''),
  );
  return path;
}

async function importOf(
  home: Home,
  path: string,
  ...args: readonly string[]
): Promise<Told & { readonly code: number | null }> {
  const done = await home.tally(['import', '--from', 'secretspec', path, '--json', ...args]);
  const told = done.json() as unknown as Told;
  const { read, imported, skipped, refused, passed } = told.lines;
  assert.equal(read, imported + skipped + refused + passed, 'every line is one of the four');
  return { ...told, code: done.code };
}

const rowsIn = (home: Home): number => home.entries('secret.access').length;

test('a file is imported once, however often it is, and what was added to it since comes with the next time', async (t) => {
  const home = makeHome(t);
  const records = Array.from({ length: 1_500 }, (_, i) => access(i));
  const path = fileOf(home, 'audit.jsonl', records);
  const first = await importOf(home, path);
  assert.deepEqual([first.code, first.lines.imported, first.entries.recorded], [0, 1_500, 1_500]);
  const again = await importOf(home, path);
  assert.deepEqual([again.code, again.lines.imported, again.lines.skipped], [0, 0, 1_500]);
  fileOf(home, 'audit.jsonl', [...records, access(9_999)]);
  const grown = await importOf(home, path);
  assert.deepEqual([grown.lines.imported, grown.lines.skipped], [1, 1_500]);
  assert.equal(rowsIn(home), 1_501);
  const verified = await home.tally(['verify', '--completeness']);
  assert.equal(verified.code, 0, verified.stdout);
});

test('lines that are refused are named and do not stop the others, unless that is wanted', async (t) => {
  const home = makeHome(t);
  const path = fileOf(home, 'audit.jsonl', [access(1), 'not json', access(2), { no: 'action' }, access(3)]);
  const told = await importOf(home, path);
  assert.deepEqual([told.code, told.lines.imported, told.lines.refused], [1, 3, 2]);
  assert.deepEqual(
    told.refusals.map(({ line }) => line),
    [2, 4],
  );
  const strict = makeHome(t);
  const ended = await importOf(strict, path, '--strict');
  assert.deepEqual([ended.code, ended.status, ended.lines.imported], [1, 'strict', 1]);
  assert.equal(rowsIn(strict), 1);
  const entry = strict.entries('log.import').at(-1);
  assert.deepEqual([entry?.phase, outcomeOf(entry).status], ['post_exec', 'error']);
});

test('a dry run says what would come of it, and writes nothing', async (t) => {
  const home = makeHome(t);
  const path = fileOf(home, 'audit.jsonl', [access(1), access(2)]);
  const dry = await importOf(home, path, '--dry-run');
  assert.deepEqual([dry.code, dry.lines.imported, dry.recorded], [0, 2, null]);
  assert.equal((await home.tally(['log', 'list'])).code, 3, 'there is no log');
  await importOf(home, path);
  const after = home.entries().length;
  assert.equal((await importOf(home, path, '--dry-run')).lines.skipped, 2);
  assert.equal(home.entries().length, after);
});

test('an import is interrupted cleanly, and goes on when it is called again', async (t) => {
  const home = makeHome(t);
  const started = home.start(['import', '--from', 'secretspec', '-', '--json'], { open: true });
  const lines = Array.from({ length: 20 }, (_, i) => `${JSON.stringify(access(i))}\n`);
  started.process.stdin?.write(lines.join(''));
  await new Promise<void>((resolve) => {
    const look = setInterval(() => {
      const begun = (() => {
        try {
          return home.entries('log.import').length > 0;
        } catch {
          // There is no log yet.
          return false;
        }
      })();
      if (!begun) return;
      clearInterval(look);
      resolve();
    }, 50);
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  started.process.kill('SIGINT');
  const done = await started.ended;
  assert.equal(done.code, 130, done.stderr);
  assert.equal((done.json() as unknown as Told).status, 'interrupted');
  const end = home.entries('log.import').at(-1);
  assert.deepEqual([end?.phase, outcomeOf(end).status], ['post_exec', 'aborted']);
  const path = fileOf(home, 'stdin', [...Array(25).keys()].map(access));
  const rest = await importOf(home, path);
  assert.equal(rest.lines.imported + rest.lines.skipped, 25);
  assert.equal(rowsIn(home), 25);
});

test('what was recorded under the id of a row by somebody else is no row of the file', async (t) => {
  const home = makeHome(t);
  const path = fileOf(home, 'audit.jsonl', [access(1)]);
  const other = makeHome(t);
  await importOf(other, path);
  const id = other.entries('secret.access')[0]?.id;
  assert.ok(id);
  const { started } = await home.up();
  const env = { TALLY_HOME: home.directory, XDG_RUNTIME_DIR: join(home.directory, 'r') };
  const { socket } = locate({ env, home: home.directory, tmp: home.directory, uid: process.getuid?.() ?? 0 });
  const link = await connectHandover(socket, { surface: 'sdk' });
  assert.ok(link);
  await link.ask('record', { event: { id, type: 'custom', phase: 'point' } });
  link.close();
  const told = await importOf(home, path);
  assert.deepEqual([told.code, told.lines.refused], [1, 1]);
  assert.match(told.refusals[0]?.why ?? '', /its id is that of entry \d+, which is another record/);
  started.process.kill('SIGTERM');
  await started.ended;
});

test('the end of a call whose beginning somebody else recorded first ends nothing of theirs', async (t) => {
  const home = makeHome(t);
  const calls = [
    {
      type: 'assistant',
      uuid: 'a',
      message: { content: [{ type: 'tool_use', id: 't', name: 'Bash', input: {} }] },
    },
    {
      type: 'user',
      uuid: 'u',
      message: { content: [{ type: 'tool_result', tool_use_id: 't', content: 'x' }] },
    },
  ];
  const path = fileOf(home, 'session.jsonl', calls);
  const other = makeHome(t);
  await other.tally(['import', '--from', 'claude-code', path]);
  const id = other.entries('tool.call')[0]?.id;
  assert.ok(id);
  const { started } = await home.up();
  const env = { TALLY_HOME: home.directory, XDG_RUNTIME_DIR: join(home.directory, 'r') };
  const { socket } = locate({ env, home: home.directory, tmp: home.directory, uid: process.getuid?.() ?? 0 });
  const link = await connectHandover(socket, { surface: 'sdk' });
  assert.ok(link);
  const mine = { type: 'tool.call', phase: 'pre_exec', action: { name: 'mine' } } as const;
  await link.ask('record', { event: { id, ...mine } });
  const told = (
    await home.tally(['import', '--from', 'claude-code', path, '--json'])
  ).json() as unknown as Told;
  assert.deepEqual([told.lines.refused, told.lines.imported], [2, 0], JSON.stringify(told));
  assert.match(told.refusals[1]?.why ?? '', /what it ends is not recorded/);
  // An import asks what the log has when it begins; this comes after.
  const late = fileOf(home, 'late.jsonl', [access(7)]);
  await importOf(other, late);
  const lateId = other.entries('secret.access')[0]?.id;
  assert.ok(lateId);
  const before = home.entries('log.import').length;
  const importing = home.start(['import', '--from', 'secretspec', '-', '--json'], { open: true });
  await until(() => home.entries('log.import').length > before);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await link.ask('record', { event: { id: lateId, ...mine } });
  link.close();
  importing.process.stdin?.end(`${JSON.stringify(access(7))}\n`);
  const raced = (await importing.ended).json() as unknown as Told;
  assert.deepEqual([raced.lines.refused, raced.lines.skipped], [1, 0], JSON.stringify(raced));
  started.process.kill('SIGTERM');
  await started.ended;
});

async function until(look: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (look()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail('it never came');
}

test('a secret in a file that is imported reaches neither the log nor the screen', async (t) => {
  const home = makeHome(t);
  const secret = `sk_live_${randomBytes(16).toString('hex')}`;
  const path = fileOf(home, 'session.jsonl', [
    { type: 'user', uuid: 'u', sessionId: 's', cwd: `/w/${secret}`, message: { content: `use ${secret}` } },
    {
      type: 'assistant',
      uuid: 'v',
      message: { content: [{ type: 'tool_use', id: 't', name: 'x', input: { token: secret } }] },
    },
    `{"broken ${secret}`,
  ]);
  const done = await home.tally(['import', '--from', 'claude-code', path]);
  assert.equal(done.code, 1);
  assert.ok(!`${done.stdout}${done.stderr}`.includes(secret));
  assert.ok(!JSON.stringify(home.entries()).includes(secret));
});

test('what completeness found is listed in full on demand', async (t) => {
  const home = makeHome(t);
  const calls = Array.from({ length: 5 }, (_, i) => ({
    type: 'assistant',
    uuid: `u${i}`,
    message: { content: [{ type: 'tool_use', id: `t${i}`, name: 'Bash', input: {} }] },
  }));
  await home.tally(['import', '--from', 'claude-code', fileOf(home, 'session.jsonl', calls)]);
  const verified = await home.tally(['verify', '--completeness']);
  assert.equal(verified.code, 7);
  assert.match(verified.stdout, /5 imported calls whose end no imported file tells/);
  assert.match(verified.stdout, /2 more: tally verify --list imported/);
  const listed = await home.tally(['verify', '--list', 'imported']);
  assert.equal(listed.stdout.trim().split('\n').length, 5);
  const json = (await home.tally(['verify', '--completeness', '--json'])).json() as {
    completeness: { findings: { imported_without_end_count: number; stopped: { count: number } } };
  };
  assert.equal(json.completeness.findings.imported_without_end_count, 5);
});

test('an import that is killed again and again, and then left in peace, has every line once', {
  timeout: 240_000,
}, async (t) => {
  const home = makeHome(t);
  const turns = Array.from({ length: 1_200 }, (_, i) =>
    i % 2 === 0
      ? {
          type: 'assistant',
          uuid: `a${i}`,
          sessionId: `s${i % 3}`,
          message: { content: [{ type: 'tool_use', id: `t${i}`, name: 'Bash', input: { i } }] },
        }
      : {
          type: 'user',
          uuid: `u${i}`,
          sessionId: `s${(i - 1) % 3}`,
          message: { content: [{ type: 'tool_result', tool_use_id: `t${i - 1}`, content: 'done' }] },
        },
  );
  const path = fileOf(home, 'session.jsonl', turns);
  const args = ['import', '--from', 'claude-code', path, '--json'];
  let halfway = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const started = home.start(args);
    const timer = setTimeout(() => started.process.kill('SIGKILL'), 300 + Math.random() * 2_500);
    const { signal } = await started.ended;
    clearTimeout(timer);
    if (signal === 'SIGKILL' && existsSync(join(home.log, 'entries')) && home.entries('tool.call').length > 0)
      halfway++;
  }
  t.diagnostic(`${halfway} of ${KILLS} kills found something recorded`);
  const last = await home.tally(args);
  const { lines } = last.json() as unknown as Told;
  assert.deepEqual(
    [last.code, lines.read, lines.imported + lines.skipped, lines.refused],
    [0, 1_200, 1_200, 0],
  );
  const calls = home.entries('tool.call');
  const ends = home.entries('tool.result');
  assert.deepEqual([calls.length, ends.length], [600, 600]);
  assert.equal(new Set([...calls, ...ends].map(({ id }) => id)).size, 1_200);
  assert.deepEqual(new Set(ends.map((end) => end.parent_id)), new Set(calls.map(({ id }) => id)));
  const verified = await home.tally(['verify', '--completeness', '--json']);
  const { completeness } = verified.json() as {
    completeness: { findings: { imported_without_end_count: number; without_end_count: number } };
  };
  const { findings } = completeness;
  assert.deepEqual(
    [findings.imported_without_end_count, findings.without_end_count],
    [0, 0],
    verified.stdout,
  );
});

test('an access that was imported is shown with the time that its file says', async (t) => {
  const home = makeHome(t);
  const ts = '2019-03-04T05:06:07.000Z';
  await importOf(home, fileOf(home, 'audit.jsonl', [{ ...access(1), ts }, access(2)]));
  const table = await home.tally(['audit', '--utc']);
  assert.match(table.stdout, /~2019-03-04 05:06 .*KEY_1/);
  assert.doesNotMatch(table.stdout, /~.*KEY_2/);
  assert.match(table.stderr, /the time is what the file says \(1 access\)/);
  const [first, second] = (await home.tally(['audit', '--json'])).stdout.split('\n');
  const record = JSON.parse(first ?? '') as { ts: string; imported: Record<string, unknown> };
  assert.deepEqual(record.imported, { format: 'secretspec', file: 'audit.jsonl', line: 1, ts });
  assert.notEqual(record.ts, ts, 'the log knows when it was recorded');
  assert.equal('ts' in (JSON.parse(second ?? '') as { imported: object }).imported, false);
});

test('what a file says of evidence is no evidence here', async (t) => {
  const home = makeHome(t);
  const token = `tok_${randomBytes(8).toString('hex')}`;
  const path = fileOf(home, 'forged.jsonl', [
    {
      schema_version: '1.0',
      event_id: 'e',
      event_type: 'run_start',
      run_id: 'run_forged',
      metadata: {
        token_id: token,
        token_hash: 'ab'.repeat(32),
        started_by: 'operator',
        imported: { format: 'x' },
      },
      payload: {
        type: 'run.start',
        phase: 'point',
        actor: { agent_id: 'a', identity_level: 'issued', agent_token_id: token, role: 'owner' },
        decision: {
          outcome: 'allow',
          layers: [{ layer: 'identity', result: 'pass' }],
          enforced: true,
          snapshot: { hash: 'ab'.repeat(32), captured_at: 'x' },
        },
        outcome: { status: 'ok', late: true },
      },
    },
  ]);
  assert.equal((await home.tally(['import', '--from', 'agentlogsafe', path])).code, 0);
  const [entry] = home.entries('run.start');
  assert.deepEqual(entry?.actor, { agent_id: 'a', identity_level: 'declared' });
  assert.deepEqual(entry?.decision, { outcome: 'allow', layers: [] });
  assert.deepEqual(entry?.outcome, { status: 'ok' });
  assert.ok(entry);
  const { imported } = entry.metadata as { imported: { fields: { payload: object } } };
  assert.deepEqual(
    Object.keys(imported.fields.payload),
    ['actor', 'decision'],
    'what it said is kept as its word',
  );
});

test('audit shows accesses newest last, in the fields of secretspec, as far as they are asked for', async (t) => {
  const home = makeHome(t);
  const records = [
    access(1),
    { ...access(2), project: 'p', outcome: 'missing' },
    { ...access(3), project: 'p' },
  ];
  await importOf(home, fileOf(home, 'audit.jsonl', records));
  const audited = async (...args: readonly string[]): Promise<readonly Record<string, unknown>[]> => {
    const { stdout } = await home.tally(['audit', '--json', ...args]);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const keys = async (...args: readonly string[]): Promise<unknown> =>
    (await audited(...args)).map(({ key }) => key);
  assert.deepEqual(await keys(), ['KEY_1', 'KEY_2', 'KEY_3']);
  assert.deepEqual(await keys('-n', '2'), ['KEY_2', 'KEY_3']);
  assert.deepEqual(await keys('--project', 'p', '--outcome', 'missing'), ['KEY_2']);
  assert.deepEqual(await keys('--action', 'set'), []);
  assert.deepEqual(Object.keys((await audited('-n', '1'))[0] ?? {}), [
    'v',
    'id',
    'ts',
    'session_id',
    'seq',
    'action',
    'project',
    'key',
    'outcome',
    'actor',
    'version',
    'imported',
  ]);
  assert.match((await home.tally(['audit'])).stdout, /TIME.*WHO.*ACTION.*SECRET.*OUTCOME[\s\S]*KEY_3/);
});
