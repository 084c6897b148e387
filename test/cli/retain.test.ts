/** What is kept and what goes, through the real command, and what every reader makes of the log afterwards. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseDataKey, unwrapDataKey, wrappingKey } from '../../src/core/payload/data-key.ts';
import { openSession, type Session } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import { formsOf } from '../support/encodings.ts';
import { type Home, makeHome } from './home.ts';

const SECRET_TEXT = 'the plain text that is to be forgotten';

function open(home: Home): Promise<Session> {
  return openSession({
    paths: locate({
      env: { TALLY_HOME: home.directory, XDG_RUNTIME_DIR: join(home.directory, 'r') },
      home: home.directory,
      tmp: home.directory,
      uid: process.getuid?.() ?? 0,
    }),
    client: { surface: 'sdk' },
    onWarning: () => undefined,
    payloads: { keep: { 'tool.call': 'full' } },
    segmentEntries: 256,
  });
}

async function fill(home: Home, entries: number): Promise<void> {
  const session = await open(home);
  for (let at = 0; at < entries; at += 100)
    await Promise.all(
      Array.from({ length: Math.min(100, entries - at) }, (_, i) =>
        session.ask('record', {
          event:
            i === 7
              ? {
                  type: 'tool.call',
                  phase: 'point',
                  run_id: `run_${at}`,
                  payload: {
                    media_type: 'text/plain',
                    class: 'prompt',
                    data: `${SECRET_TEXT} ${at}`,
                    subject: `person ${at}`,
                  },
                }
              : { type: 'step.note', phase: 'point', metadata: { at, i } },
        }),
      ),
    );
  await session.close();
}

/** The key itself, as whoever holds the master key has it. */
function unwrapped(home: Home, keyId: string): Buffer {
  const file = parseDataKey(readFileSync(join(home.directory, 'keys/data', `${keyId}.json`)));
  const master = Buffer.from(readFileSync(join(home.directory, 'keys/local.master'), 'utf8').trim(), 'hex');
  const key = file === undefined ? undefined : unwrapDataKey(file, wrappingKey(master));
  assert.ok(key !== undefined, 'the key does not unwrap');
  return Buffer.from(key);
}

/** Bytes as they stand in a file by themselves, or inside of something that was encoded. */
function everyForm(bytes: Buffer): Buffer[] {
  const hex = bytes.toString('hex');
  const base64 = [0, 1, 2].flatMap((before) =>
    (['base64', 'base64url'] as const).map((kind) => {
      const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(kind);
      return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    }),
  );
  const texts = [hex, hex.toUpperCase(), ...base64];
  return [
    bytes,
    Buffer.from(bytes).reverse(),
    Buffer.from(bytes.toString('latin1'), 'utf16le'),
    ...texts.map((text) => Buffer.from(text)),
    ...texts.map((text) => Buffer.from(text, 'utf16le')),
    Buffer.from(JSON.stringify([...bytes]).slice(1, -1)),
  ];
}

function configure(home: Home, text: string): void {
  mkdirSync(join(home.directory, 'config'), { recursive: true });
  for (const directory of [join(home.directory, 'config'), home.directory])
    writeFileSync(join(directory, 'config.yaml'), text, { mode: 0o600 });
}

async function ok(home: Home, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await home.tally(args);
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

const segments = (home: Home): string[] =>
  readdirSync(join(home.log, 'entries'))
    .filter((name) => name.includes('.jsonl'))
    .sort();

async function pruned(t: TestContext): Promise<{ readonly home: Home; readonly to: number }> {
  const home = makeHome(t);
  await fill(home, 1400);
  configure(home, 'retention:\n  entries: { bytes: 250kB }\n');
  const shown = JSON.parse(await ok(home, 'retain', '--json')) as { entries: { from: number; to: number } };
  assert.equal(shown.entries.from, 0);
  assert.ok(shown.entries.to >= 512, JSON.stringify(shown));
  assert.match(segments(home)[0] ?? '', /^000000000000/, 'showing removes nothing');
  const done = JSON.parse(await ok(home, 'retain', '--apply', '--reason', 'test', '--json'));
  assert.equal(done.state, 'done');
  assert.equal(done.entries.to, shown.entries.to);
  return { home, to: shown.entries.to };
}

test('entries are pruned by bytes, and every reader says what became of them', async (t) => {
  const { home, to } = await pruned(t);
  assert.ok(segments(home).every((name) => Number.parseInt(name, 10) >= to));
  for (const more of [[], ['--workers', '2'], ['--completeness']]) {
    const { code, stdout } = await home.tally(['verify', '--json', ...more]);
    assert.equal(code, 0, stdout);
    const report = JSON.parse(stdout);
    assert.equal(report.pruned.entries, to);
    assert.equal(report.integrity.status, 'pass');
  }
  const told = await ok(home, 'verify');
  assert.match(told, /pruned/);
  assert.match(told, /named by entry \d+/);
  const gone = await home.tally(['log', 'show', '5']);
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /begins at entry/);
  assert.match(await ok(home, 'log', 'list', '--json', '-n', '3'), /log\.|step\.note/);
  await ok(home, 'log', 'prove', String(to + 3), '--out', join(home.directory, 'one.tlog-proof'));
  await ok(home, 'status');
  await fill(home, 300);
  await ok(home, 'verify');
});

test('a pruned log is published as far as it goes, and what was published before stays', async (t) => {
  const home = makeHome(t);
  await fill(home, 1400);
  const early = join(home.directory, 'early');
  await ok(home, 'log', 'publish', early);
  configure(home, 'retention:\n  entries: { bytes: 250kB }\n');
  await ok(home, 'retain', '--apply');
  await fill(home, 300);
  const late = join(home.directory, 'late');
  await ok(home, 'log', 'publish', early);
  const { code, stdout, stderr } = await home.tally(['log', 'publish', late, '--json']);
  assert.equal(code, 0, stderr);
  assert.ok(JSON.parse(stdout).without_entries_before >= 512);
  assert.match(stderr, /were pruned/);
  for (const [directory, missing] of [
    [early, false],
    [late, true],
  ] as const) {
    const verified = await home.tally(['verify', directory, '--json']);
    assert.equal(verified.code, 0, verified.stdout);
    assert.equal(JSON.parse(verified.stdout).pruned !== undefined, missing);
  }
  rmSync(join(late, 'pruned'), { recursive: true });
  assert.equal((await home.tally(['verify', late])).code, 6);
});

test('what was removed without its name in the log is tampering, and no start goes on with it', async (t) => {
  const { home, to } = await pruned(t);
  const [first = ''] = segments(home);
  for (const [name, change] of [
    ['the first segment that is left', (log: string) => rmSync(join(log, 'entries', first))],
    ['a tile of pruned entries', (log: string) => rmSync(join(log, 'tile/0/000'))],
    [
      'an altered tile of pruned entries',
      (log: string) => {
        const path = join(log, 'tile/0/001');
        const bytes = readFileSync(path);
        bytes[40] = (bytes[40] ?? 0) ^ 1;
        writeFileSync(path, bytes);
      },
    ],
    ['what was carried on', (log: string) => rmSync(join(log, 'pruned'), { recursive: true })],
    [
      'a first segment under another name',
      (log: string) =>
        renameSync(join(log, 'entries', first), join(log, 'entries', first.replace(/^\d+/, '000000000000'))),
    ],
  ] as const) {
    const copy = makeHome(t);
    cpSync(home.directory, copy.directory, { recursive: true });
    change(copy.log);
    const { code, stdout } = await copy.tally(['verify', '--json']);
    assert.equal(code, 6, `${name}: ${stdout}`);
    if (name !== 'a first segment under another name')
      assert.deepEqual(JSON.parse(stdout).integrity.bad, [], name);
  }
  assert.ok(to > 0);
  rmSync(join(home.log, 'entries', first));
  assert.equal((await home.tally(['agent', 'register', 'late'])).code, 6, 'no start goes on');
});

test('erasing destroys the keys, says so, and leaves no plain text, and every proof still verifies', async (t) => {
  const home = makeHome(t);
  await fill(home, 400);
  const keys = (): string[] => readdirSync(join(home.directory, 'keys/data'));
  assert.equal(keys().length, 4);
  assert.match(await ok(home, 'erase', '--subject', 'person 100', '--dry-run'), /1 key/);
  assert.equal(keys().length, 4);
  const wrapped = keys().map((name) => readFileSync(join(home.directory, 'keys/data', name), 'utf8'));
  const cited = await ok(home, 'log', 'list', '--type', 'tool.call', '--json');
  const index =
    (JSON.parse(cited) as { entries: { index: number }[] }).entries
      .map((row) => row.index)
      .sort((a, b) => a - b)[1] ?? -1;
  const { entry } = JSON.parse(await ok(home, 'log', 'show', String(index), '--json')) as {
    entry: { payload: { key_id: string } };
  };
  const { payload } = entry;
  const key = unwrapped(home, payload.key_id);
  assert.equal((await home.tally(['erase', '--subject', 'person 100'])).code, 2, 'a reason is needed');
  assert.match(
    await ok(home, 'erase', '--subject', 'person 100', '--reason', 'asked'),
    /1 key of payloads destroyed; entry \d+ says so/,
  );
  assert.ok(!keys().includes(`${payload.key_id}.json`));
  const gone = wrapped
    .map((text) => JSON.parse(text) as { key_id: string; wrapped: string })
    .find(({ key_id }) => key_id === payload.key_id);
  const needles = [
    ...everyForm(Buffer.from(`${SECRET_TEXT} 100`)),
    ...formsOf(`${SECRET_TEXT} 100`).map(({ needle }) => Buffer.from(needle)),
    ...everyForm(key),
    ...everyForm(Buffer.from(gone?.wrapped ?? '?', 'base64')),
    Buffer.from('person 100', 'utf16le'),
  ];
  for (const file of readdirSync(home.directory, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const bytes = readFileSync(join(file.parentPath, file.name));
    for (const needle of needles) assert.ok(!bytes.includes(needle), `${file.parentPath}/${file.name}`);
    assert.ok(!bytes.includes('person 100'), `the subject is in ${file.name}`);
  }
  const shown = await home.tally(['log', 'show', String(index), '--payload']);
  assert.equal(shown.code, 3);
  assert.match(shown.stderr, /was erased: entry \d+ says so/);
  await ok(home, 'verify');
});

test('a hold refuses prune and erasure by its name, and outlives a restart and a prune', async (t) => {
  const home = makeHome(t);
  await fill(home, 900);
  const held = JSON.parse(await ok(home, 'hold', 'add', '--run', 'run_300', '--reason', 'case 12', '--json'));
  configure(home, 'retention:\n  entries: { bytes: 60kB }\n');
  const refused = await home.tally(['erase', '--run', 'run_300', '--reason', 'x']);
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, new RegExp(`${held.hold_id}.*case 12`));
  const done = JSON.parse(await ok(home, 'retain', '--apply', '--json'));
  assert.equal(done.entries.to, 256, 'run_300 began in the second segment');
  assert.equal(done.entries.blocked[0].hold_id, held.hold_id);
  rmSync(join(home.directory, 'registry'), { recursive: true });
  await fill(home, 300);
  assert.match(await ok(home, 'hold', 'list'), /case 12/);
  assert.match(await ok(home, 'retain'), new RegExp(held.hold_id));
  await ok(home, 'hold', 'release', held.hold_id, '--reason', 'closed');
  assert.ok(JSON.parse(await ok(home, 'retain', '--apply', '--json')).entries.to > 512);
  await ok(home, 'erase', '--run', 'run_300', '--reason', 'x');
  await ok(home, 'verify');
});

test('agents may neither prune, erase, hold nor release, and a forged log.prune is refused', async (t) => {
  const home = makeHome(t);
  await fill(home, 600);
  configure(home, 'retention:\n  entries: { bytes: 1kB }\n');
  const env = { CLAUDECODE: '1' };
  for (const args of [
    ['retain', '--apply'],
    ['erase', '--class', 'prompt', '--reason', 'x'],
    ['hold', 'add', '--all', '--reason', 'x'],
  ])
    assert.equal((await home.tally(args, { env })).code, 4, args.join(' '));
  const session = await open(home);
  for (const type of ['log.prune', 'log.erase', 'hold.add', 'hold.release'])
    await assert.rejects(
      session.ask('record', {
        event: {
          type,
          phase: 'point',
          outcome: { status: 'started' },
          metadata: { from: 0, to: 256, carried: 'a'.repeat(64) },
        },
      }),
      { code: 'BAD_EVENT' },
    );
  await session.close();
  assert.match(segments(home)[0] ?? '', /^000000000000/);
  await ok(home, 'verify');
});

test('a pruned and erased log that a witness cosigned still verifies against what it cosigned before', async (t) => {
  const home = makeHome(t);
  await fill(home, 900);
  const { keys } = JSON.parse(await ok(home, 'key', 'list', '--json')) as { keys: { vkey: string }[] };
  const witness = makeHome(t).start([
    'witness',
    'serve',
    '--port',
    '0',
    '--json',
    '--name',
    'witness.example/w',
    '--log',
    keys[0]?.vkey ?? '',
  ]);
  const { url, vkey } = JSON.parse((await witness.until(/\n/)).split('\n')[0] ?? '') as {
    url: string;
    vkey: string;
  };
  await ok(home, 'witness', 'add', url, vkey, '--name', 'w');
  await ok(home, 'anchor', 'run');
  const file = readdirSync(home.directory, { recursive: true, withFileTypes: true }).find(
    ({ name }) => name === 'config.yaml',
  );
  const path = join(file?.parentPath ?? '', 'config.yaml');
  writeFileSync(path, `${readFileSync(path, 'utf8')}\nretention:\n  entries: { bytes: 60kB }\n`, {
    mode: 0o600,
  });
  const done = JSON.parse(await ok(home, 'retain', '--apply', '--json'));
  assert.ok(done.entries.to > 0, JSON.stringify(done));
  await ok(home, 'erase', '--run', 'run_800', '--reason', 'asked');
  await ok(home, 'anchor', 'run');
  const report = JSON.parse(await ok(home, 'verify', '--json'));
  assert.equal(report.anchored.status, 'pass');
  assert.ok(report.append_only.heads.some(({ ground }: { ground: string }) => ground === 'witness'));
});
