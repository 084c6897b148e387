/** Anchors through the built program: real files, a real time stamping authority, real processes. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeAuthority, serve } from '../anchor/tsa.ts';
import { type Home, makeHome } from '../cli/home.ts';

interface Report {
  readonly exit_code: number;
  readonly append_only: {
    readonly status: string;
    readonly note: string;
    readonly heads: readonly { ground: string; status: string }[];
  };
  readonly anchored: {
    readonly status: string;
    readonly note: string;
    readonly anchors?: readonly {
      name: string;
      status: string;
      size?: number;
      not_after?: string;
      note?: string;
    }[];
    readonly lost_count?: number;
    readonly lost?: readonly { receipt: string; why: string }[];
  };
}

async function verify(home: Home, ...args: readonly string[]): Promise<Report> {
  return (await home.tally(['verify', '--json', ...args])).json() as unknown as Report;
}

async function ok(home: Home, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await home.tally(args);
  assert.equal(code, 0, stderr);
  return stdout;
}

function disk(home: Home): string {
  const path = join(home.directory, 'other-disk');
  mkdirSync(path);
  return path;
}

test('log, receipts and heads put back together from one backup are shown by what the anchor outside holds', async (t) => {
  const home = makeHome(t);
  await ok(home, 'anchor', 'add', 'file', 'disk', disk(home));
  await ok(home, 'anchor', 'run');
  for (const part of ['logs', 'heads'])
    cpSync(join(home.directory, part), join(home.directory, 'backup', part), { recursive: true });
  await ok(home, 'agent', 'register', 'deploy-bot');
  await ok(home, 'anchor', 'run');
  const before = await verify(home);
  assert.deepEqual(
    [before.exit_code, before.append_only.status, before.anchored.status],
    [0, 'pass', 'pass'],
    before.anchored.note,
  );

  for (const part of ['logs', 'heads']) {
    rmSync(join(home.directory, part), { recursive: true });
    cpSync(join(home.directory, 'backup', part), join(home.directory, part), { recursive: true });
  }
  const after = await verify(home);
  assert.deepEqual([after.exit_code, after.append_only.status], [6, 'fail']);
  assert.equal(after.anchored.status, 'incomplete');
  assert.match(after.anchored.note, /disk: it holds a checkpoint of \d+ entries against this log/);
  assert.match(
    after.append_only.note,
    /head: anchor: the log has \d+ entries, this head had \d+: it was rolled back/,
  );

  // The recorder does not know; the anchor tells it.
  const run = await home.tally(['anchor', 'run']);
  assert.equal(run.code, 6);
  assert.match(run.stderr, /CONFLICT/);
  assert.equal(home.entries('anchor.fail').at(-1)?.type, 'anchor.fail');
});

test('a time stamp bounds entries from above, its entry from below, and a receipt that is gone is named', async (t) => {
  const home = makeHome(t);
  const authority = makeAuthority(t);
  const url = await serve(t, (body) => authority.reply(body));
  await ok(home, 'anchor', 'add', 'rfc3161', 'stamp', url, '--ca', authority.ca);
  const ran = (await home.tally(['anchor', 'run', '--json'])).json() as {
    anchors: readonly { outcome: string; time?: string; last: { size: number } }[];
  };
  const [first] = ran.anchors;
  assert.equal(first?.outcome, 'ok');
  assert.ok(first.time !== undefined);

  const [entry] = home.entries('anchor.ok');
  const metadata = entry?.metadata as { receipt: string; time: string };
  assert.equal(metadata.time, first.time);
  const files = join(home.log, 'anchors', 'stamp');
  const told = authority.run(
    'ts',
    '-verify',
    '-in',
    join(files, metadata.receipt),
    '-data',
    join(files, `${first.last.size}.checkpoint`),
    '-CAfile',
    'ca.pem',
  );
  assert.match(told.toString(), /Verification: OK/);

  const report = await verify(home);
  assert.deepEqual([report.exit_code, report.anchored.status], [0, 'pass']);
  assert.equal(report.anchored.anchors?.[0]?.not_after, first.time);

  // Between two time stamps: the first is named by an entry before it, the second covers it.
  await ok(home, 'agent', 'register', 'deploy-bot');
  await ok(home, 'anchor', 'run');
  const [between] = home.entries('agent.register');
  const shownEntry = (await home.tally(['log', 'show', String(between?.index), '--json'])).json() as {
    window: { not_before?: { time: string; entry: number }; not_after?: { time: string; size: number } };
  };
  const { not_before, not_after } = shownEntry.window;
  assert.deepEqual([not_before?.time, not_before?.entry], [first.time, entry?.index]);
  assert.ok(
    not_after !== undefined && not_after.size > Number(between?.index) && not_after.time >= first.time,
  );
  const text = await ok(home, 'log', 'show', String(between?.index), '--utc');
  assert.match(
    text.replaceAll(/\s+/g, ' '),
    /window not before .* \(rfc3161 stamp\), named by entry \d+; not after .* \(rfc3161 stamp\), over \d+ entries/,
  );
  const newest = home.entries().at(-1);
  const last = await ok(home, 'log', 'show', String(newest?.index));
  assert.match(last.replaceAll(/\s+/g, ' '), /not after: not proven/);

  rmSync(join(files, metadata.receipt));
  const gone = await verify(home);
  assert.deepEqual([gone.exit_code, gone.anchored.status, gone.anchored.lost_count], [0, 'incomplete', 1]);
  assert.match(
    gone.anchored.note,
    /1 receipt was removed or altered, first stamp\/\d+\.tsr, gone, of entry \d+/,
  );
  const shown = await home.tally(['verify']);
  assert.match(shown.stdout, /^– anchored +incomplete: /m);
});

test('a recorder shows checkpoints by itself, takes up an anchor while it runs, and goes on when one fails', async (t) => {
  const home = makeHome(t);
  const place = disk(home);
  const mount = join(home.directory, 'not-mounted');
  mkdirSync(mount);
  await ok(home, 'anchor', 'add', 'file', 'nowhere', mount);
  rmSync(mount, { recursive: true });
  const { started } = await home.up();
  await started.until(/the anchor nowhere fails/);
  await ok(home, 'anchor', 'add', 'file', 'disk', place);
  for (let tries = 0; !existsSync(join(home.log, 'anchors', 'disk')); tries++) {
    assert.ok(tries < 100, 'no receipt within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const status = (await home.tally(['status', '--json'])).json() as {
    anchors: readonly { name: string; served: boolean; failing?: { code: string } }[];
  };
  assert.deepEqual(
    status.anchors.map(({ name, served, failing }) => [name, served, failing?.code]),
    [
      ['nowhere', true, 'ANCHOR_FAILED'],
      ['disk', true, undefined],
    ],
  );
  // Where it stands in the row, and the whole reason under it.
  const listed = await ok(home, 'anchor', 'list');
  assert.match(listed, /^nowhere .*failing: nothing yet, [1-9]\d* newer entr(y|ies) not shown yet *$/m);
  assert.ok(listed.includes(`\n  ${mount} cannot be used: `), listed);
  assert.match(await ok(home, 'status'), /cannot be used: .* \((once|\d+ times) since /);
  // Beside the recorder that runs, which records what came of it.
  assert.match((await home.tally(['anchor', 'run', 'disk'])).stdout, /✔ disk: /);
  await ok(home, 'anchor', 'remove', 'nowhere');
  started.process.kill('SIGTERM');
  assert.equal((await started.ended).code, 0);
  assert.equal((await verify(home)).anchored.status, 'pass');
  assert.equal(home.entries('anchor.fail').length, 1);
});

test('an agent may neither add nor remove an anchor, and its try is on record', async (t) => {
  const home = makeHome(t);
  const place = disk(home);
  await ok(home, 'anchor', 'add', 'file', 'disk', place);
  const config = readFileSync(join(home.directory, 'config.yaml'), 'utf8');
  const env = { TALLY_RUN_TOKEN: 'run_x.y' };
  for (const args of [
    ['anchor', 'add', 'file', 'mine', place],
    ['anchor', 'remove', 'disk'],
  ])
    assert.equal((await home.tally(args, { env })).code, 4);
  assert.equal(readFileSync(join(home.directory, 'config.yaml'), 'utf8'), config);
  const changes = home.entries('config.change');
  assert.deepEqual(
    changes.map((entry) => (entry.outcome as { status: string }).status),
    ['ok', 'blocked', 'blocked'],
  );
});

test('without anchors no time is proven, and that is said', async (t) => {
  const home = makeHome(t);
  await ok(home, 'agent', 'register', 'deploy-bot');
  assert.match(
    await ok(home, 'log', 'show', '1'),
    /window +no proven window; by the machine’s own clock only/,
  );
  const { window } = (await home.tally(['log', 'show', '1', '--json'])).json() as { window: unknown };
  assert.deepEqual(window, {});
});

test('what cannot be an anchor is refused with the way to mend it', async (t) => {
  const home = makeHome(t);
  const fails = async (args: readonly string[], message: RegExp): Promise<void> => {
    const result = await home.tally(['anchor', ...args]);
    assert.equal(result.code, 2);
    const { message: told, hint } = result.error();
    assert.ok(hint);
    assert.match(`${told}; ${hint}`, message);
  };
  await fails(['add', 'tape', 'x', '/a'], /no kind of anchor: tape/);
  await fails(['add', 'file', 'x', '/a', '--vkey', 'k'], /--vkey is not for an anchor of type file/);
  await fails(['add', 'witness', 'x', 'https://w.example'], /vkey/);
  await fails(['add', 'rfc3161', 'x', 'https://a:b@w.example'], /without user, password/);
  // What can be looked at on this machine is; the network is not asked.
  const none = join(home.directory, 'none');
  const empty = join(home.directory, 'empty.pem');
  const plain = join(home.directory, 'plain');
  mkdirSync(plain);
  writeFileSync(empty, '');
  await fails(['add', 'file', 'x', none], /there is no directory .*nothing was added/);
  await fails(['add', 'file', 'x', empty], /is no directory/);
  await fails(['add', 'git', 'x', none], /is no git repository.*cannot change to.*git init --bare/);
  await fails(['add', 'git', 'x', plain], /is no git repository.*git init --bare/);
  await fails(['add', 'rfc3161', 'x', 'https://tsa.example', '--ca', none], /cannot read .*ENOENT/);
  await fails(['add', 'rfc3161', 'x', 'https://tsa.example', '--ca', empty], /no certificate in PEM/);
  await fails(
    ['add', 'webhook', 'x', 'https://w.example', '--secret', 'NONE'],
    /no credential NONE.*secrets set NONE/,
  );
  assert.equal((await home.tally(['anchor', 'run'])).code, 3);
  assert.equal((await home.tally(['anchor', 'remove', 'x'])).code, 3);
});
