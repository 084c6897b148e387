/** Bundles of a log whose beginning was pruned, and exports while it is. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openSession } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import { type Home, makeHome } from './home.ts';

async function ok(home: Home, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await home.tally(args);
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** Many small segments, so that there is something to prune. */
async function fill(home: Home, entries: number): Promise<void> {
  const env = { TALLY_HOME: home.directory, XDG_RUNTIME_DIR: join(home.directory, 'r') };
  const session = await openSession({
    paths: locate({ env, home: home.directory, tmp: home.directory, uid: process.getuid?.() ?? 0 }),
    client: { surface: 'sdk' },
    onWarning: () => undefined,
    segmentEntries: 256,
  });
  for (let at = 0; at < entries; at += 100)
    await Promise.all(
      Array.from({ length: Math.min(100, entries - at) }, (_, i) =>
        session.ask('record', { event: { type: 'step.note', phase: 'point', metadata: { at, i } } }),
      ),
    );
  await session.close();
}

function retain(home: Home): void {
  mkdirSync(join(home.directory, 'config'), { recursive: true });
  for (const directory of [join(home.directory, 'config'), home.directory])
    writeFileSync(join(directory, 'config.yaml'), 'retention:\n  entries: { bytes: 250kB }\n', {
      mode: 0o600,
    });
}

interface Report {
  readonly integrity: { readonly status: string; readonly entries: number };
  readonly manifest: { readonly status: string; readonly note?: string };
  readonly matching: { readonly status: string };
  readonly signatures: { readonly status: string };
  readonly completeness: { readonly status: string; readonly note?: string };
  readonly range: { readonly begins?: number; readonly size: number };
}

/** On a machine that never saw the log. */
async function verified(
  t: TestContext,
  bundle: string,
  vkey: string,
): Promise<Report & { code: number | null }> {
  const { code, stdout, stderr } = await makeHome(t).tally(['verify', bundle, '--key', vkey, '--json']);
  assert.notEqual(stdout, '', stderr);
  return { ...(JSON.parse(stdout) as Report), code };
}

async function keyOf(home: Home): Promise<string> {
  const told = JSON.parse(await ok(home, 'key', 'list', '--json')) as { keys: { vkey: string }[] };
  return told.keys[0]?.vkey ?? '';
}

for (const rotated of [false, true])
  test(`a bundle of a pruned log${rotated ? ' with a rotation in what was pruned' : ''} proves what is left, and that the rest was pruned`, async (t) => {
    const home = makeHome(t);
    await fill(home, 20);
    const vkey = await keyOf(home);
    if (rotated) await ok(home, 'key', 'rotate');
    await fill(home, 1_400);
    retain(home);
    const done = JSON.parse(await ok(home, 'retain', '--apply', '--reason', 'test', '--json')) as {
      entries: { to: number };
    };
    const all = join(home.directory, 'all');
    await ok(home, 'log', 'export', '--bundle', all);
    const report = await verified(t, all, vkey);
    assert.deepEqual(
      [report.code, report.integrity.status, report.signatures.status, report.completeness.status],
      [0, 'pass', 'pass', 'pass'],
      JSON.stringify(report),
    );
    assert.equal(report.range.begins, done.entries.to);
    assert.match(report.completeness.note ?? '', /those before were pruned, as a signed entry says/);
    const some = join(home.directory, 'some');
    await ok(home, 'log', 'export', '--type', 'log', '--bundle', some);
    const part = await verified(t, some, vkey);
    assert.deepEqual([part.code, part.matching.status, part.completeness.status], [0, 'pass', 'neutral']);
  });
