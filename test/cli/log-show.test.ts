import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import {
  callDrafts,
  type Draft,
  idOf,
  type LogFiles,
  sampleDrafts,
  writeLogFiles,
} from '../support/logfiles.ts';

let home: Home;
let log: LogFiles;
let directory: string;
const policy = JSON.stringify({
  allowlist: [{ host: 'api.example.com' }, { host: 'x.example', port: 8443, http: true }],
});
const hash = createHash('sha256').update(policy).digest('hex');
const SIGNED = 600;

before(async () => {
  home = await makeHome();
  directory = join(home.paths.logs, 'local');
  const drafts: Draft[] = sampleDrafts(305);
  const [pre, post] = callDrafts(4, { decision: 'stop', reason: 'domain_not_in_allowlist' });
  const decision = {
    ...pre.decision,
    snapshot: { hash, captured_at: '2026-11-20T12:00:00.000Z' },
    inputs: { decided_at: '2026-11-20T12:00:04.000Z', note: '\u001b[31m' },
  };
  drafts[4] = { ...pre, decision } as Draft;
  drafts[5] = post;
  log = await writeLogFiles(directory, drafts, { segmentEntries: 512, signed: SIGNED });
  await mkdir(join(directory, 'policies'));
  await writeFile(join(directory, 'policies', `${hash}.json`), policy);
  await mkdir(join(home.paths.heads, 'local'), { recursive: true });
  await writeFile(join(home.paths.heads, 'local/vkey'), `${log.vkey}\n`);
});
after(() => home.remove());

interface Shown {
  entry: { index: number; id: string };
  other: { index: number } | null;
  snapshot: { status: string; allowlist_snapshot?: { domains: string[]; captured_at: string } } | null;
  proof: {
    state: string;
    verified?: boolean;
    proof?: string[];
    key?: { ground: string };
    chained?: boolean;
    why?: string;
  };
}
const show = async (...args: string[]) => {
  const { stdout, code, stderr } = await home.tally(['log', 'show', '--json', ...args]);
  return { shown: (stdout === '' ? undefined : JSON.parse(stdout)) as Shown, code, stderr };
};

describe('tally log show', () => {
  it('gives the entry, its other half, its policy and its proof, by index and by id', async () => {
    for (const which of ['4', idOf(4), idOf(4).toLowerCase()]) {
      const { shown, code } = await show(which);
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(log.lines[4]?.toString() ?? ''), shown.entry);
      assert.equal(shown.other?.index, 5);
      assert.deepEqual(shown.snapshot?.allowlist_snapshot, {
        domains: ['api.example.com', 'x.example:8443 (http)'],
        captured_at: '2026-11-20T12:00:04.000Z',
      });
      assert.deepEqual(
        [shown.proof.state, shown.proof.verified, shown.proof.key?.ground],
        ['published', true, 'pinned'],
      );
    }
    assert.equal((await show('5')).shown.other?.index, 4);
  });

  it('proves entries anywhere under the checkpoint, across segments and partial tiles', async () => {
    for (const index of [0, 255, 256, 511, 512, SIGNED - 1]) {
      assert.equal((await show(String(index))).shown.proof.state, 'published', `entry ${index}`);
    }
  });

  it('does not call an entry published that the checkpoint does not cover', async () => {
    const { shown, code } = await show(String(SIGNED));
    assert.deepEqual(
      [shown.proof.state, shown.proof.verified, shown.proof.chained, code],
      ['sequenced', undefined, true, 0],
    );
  });

  it('shows every layer, the meaning of the reason and the state of the proof to a person', async () => {
    const { stdout } = await home.tally(['log', 'show', '4', '--utc']);
    assert.match(
      stdout,
      /decision +stop {2}domain_not_in_allowlist\n +no line of the allowlist names this host and port/,
    );
    assert.match(stdout, /layers +✗ allowlist {2}3 µs/);
    assert.match(stdout, /snapshot +[0-9a-f]{64} {2}✓ hash checked/);
    assert.match(stdout, /x\.example:8443 \(http\)/);
    assert.match(stdout, /ended by +entry 5 {2}blocked/);
    assert.match(
      stdout,
      /✓ published {2}sequenced, integrated, and under the signed checkpoint of 600 entries/,
    );
    assert.match(stdout, /note \\u001b\[31m/);
    assert.doesNotMatch(stdout, /[^\P{Cc}\n]/u);
  });

  it('tells that a policy snapshot is missing or was altered', async () => {
    const copy = await copyOf('snapshots');
    await writeFile(join(copy, 'policies', `${hash}.json`), policy.replace('api', 'apx'));
    assert.equal((await show('4', '--dir', copy)).shown.snapshot?.status, 'altered');
    const bare = await copyOf('bare', false);
    assert.equal((await show('4', '--dir', bare)).shown.snapshot?.status, 'missing');
  });

  it('proves nothing of an entry that was altered, and ends with the code for tampering', async () => {
    const copy = await copyOf('altered');
    const file = join(copy, 'entries/000000000000.jsonl');
    await writeFile(file, (await readFile(file, 'utf8')).replace('/v1/', '/v2/'));
    const { shown, code } = await show('0', '--dir', copy);
    assert.equal(shown.proof.state, 'unproved');
    assert.match(shown.proof.why ?? '', /does not lead from entry 0/);
    assert.equal(code, 6);
  });

  it('proves nothing with a checkpoint that another key signed', async () => {
    const other = await writeLogFiles(join(home.directory, 'other'), sampleDrafts(3));
    const { shown, code } = await show('1', '--dir', other.directory, '--key', log.vkey);
    assert.deepEqual([shown.proof.state, code], ['unproved', 6]);
  });

  it('says whose word the key is when nobody remembered one', async () => {
    const copy = join(home.directory, 'unknown-origin');
    const other = await writeLogFiles(copy, sampleDrafts(3));
    const info = JSON.parse(await readFile(join(copy, 'log.json'), 'utf8')) as { origin: string };
    assert.equal(info.origin, other.origin);
    const elsewhere = await makeHome();
    try {
      const { stdout } = await elsewhere.tally(['log', 'show', '1', '--dir', copy, '--json']);
      assert.equal((JSON.parse(stdout) as Shown).proof.key?.ground, 'self-declared');
    } finally {
      await elsewhere.remove();
    }
  });

  it('tells an index, an id and nonsense that it does not have apart', async () => {
    for (const [which, code, error] of [
      ['100000', 3, 'NOT_FOUND'],
      [`log_${'Z'.repeat(26)}`, 3, 'NOT_FOUND'],
      ['first', 2, 'USAGE'],
    ] as const) {
      const found = await show(which);
      assert.equal(found.code, code);
      assert.equal((JSON.parse(found.stderr) as { error: { code: string } }).error.code, error);
    }
  });

  it('refuses an entry that does not stand where it says', async () => {
    const copy = await copyOf('moved');
    const file = join(copy, 'entries/000000000000.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, [lines[1], lines[0], ...lines.slice(2)].join('\n'));
    const { code, stderr } = await show(idOf(0), '--dir', copy);
    assert.equal(code, 6);
    assert.match(stderr, /does not stand at the index it carries/);
  });
});

async function copyOf(name: string, withPolicies = true): Promise<string> {
  const copy = join(home.directory, name);
  const { cp } = await import('node:fs/promises');
  await cp(directory, copy, {
    recursive: true,
    filter: (path) => withPolicies || !path.includes('policies'),
  });
  return copy;
}
