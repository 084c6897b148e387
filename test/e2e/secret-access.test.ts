/**
 * The whole story of a project's secrets with the real command, and then a search for every value in every encoding
 * over everything that the processes wrote and printed, and over what the system shows of them while they run. Values
 * are where the user asked for them and nowhere else; with masking switched off, and for values that nobody knows to be
 * secrets, the same search finds them all.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ancestryOf } from '../../src/capture/agent/ancestry.ts';
import { type Home, makeHome, type Result } from '../cli/home.ts';
import { formsOf, foundIn } from '../support/encodings.ts';
import { until } from '../support/home.ts';

const underAgent = ancestryOf(process.ppid).agent;

/** Quotes, a backslash, a slash, plus and a letter outside of ASCII: every encoding changes something in it. */
const fresh = (): string => `"s\\${randomBytes(15).toString('base64')}+é/${randomBytes(6).toString('hex')}`;

const MANIFEST = `[project]
name = "shop"
revision = "1.0"

[profiles.default]
TYPED = { description = "set by hand", required = true }
FROM_FILE = { description = "imported", required = true }
AS_FILE = { description = "handed over as a file", required = true, as_path = true }
`;

interface Story {
  readonly home: Home;
  readonly values: { readonly TYPED: string; readonly FROM_FILE: string; readonly AS_FILE: string };
  /** What commands printed that were not asked for a value. */
  readonly printed: string[];
  tally(args: readonly string[], options?: Parameters<Home['tally']>[1]): Promise<Result>;
  /** Where the user has put values, or asked for them. */
  readonly asked: Set<string>;
}

function begin(t: TestContext): Story {
  const home = makeHome(t);
  const project = join(home.directory, 'project');
  const tmp = join(home.directory, 'tmp');
  for (const path of [project, tmp]) mkdirSync(path);
  const file = join(project, 'secretspec.toml');
  writeFileSync(file, MANIFEST);
  const printed: string[] = [];
  const env = { SECRETSPEC_FILE: file, TMPDIR: tmp, HOME: join(home.directory, 'user') };
  return {
    home,
    values: {
      TYPED: fresh(),
      FROM_FILE: fresh().replaceAll(/["\\]/g, '_'),
      AS_FILE: `${fresh()}\nsecond line`,
    },
    printed,
    asked: new Set(),
    async tally(args, options = {}) {
      const done = await home.tally(args, { ...options, env: { ...env, ...options.env } });
      printed.push(done.stdout, done.stderr);
      return done;
    },
  };
}

/** Every file below, as text. */
function* filesBelow(directory: string): Generator<readonly [path: string, text: string]> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) {
      const text = readOrGone(path);
      if (text !== undefined) yield [path, text];
    }
  }
}

/** Undefined: what was written beside a file has got its name since; it is read under that. */
function readOrGone(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (path.endsWith('.tmp') && !existsSync(path)) return undefined;
    throw error;
  }
}

/** Where a value stands in any form: files that hold it and, as "printed", output. */
function places({ home, printed, asked }: Story, value: string): readonly string[] {
  const found: string[] = [];
  const forms = formsOf(value).map((form) => ({
    ...form,
    needle: Buffer.from(form.needle, 'utf8').toString('latin1'),
  }));
  for (const [path, text] of filesBelow(home.directory))
    if (!asked.has(path) && forms.some((form) => foundIn(text, form))) found.push(path);
  const output = Buffer.from(printed.join('\n'), 'utf8').toString('latin1');
  if (forms.some((form) => foundIn(output, form))) found.push('printed');
  return found;
}

/** Environments and command lines of all processes that hold a value. */
function holders(
  value: string,
): readonly { readonly pid: number; readonly where: string; readonly comm: string }[] {
  const needle = Buffer.from(value);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) =>
      ['environ', 'cmdline'].flatMap((where) => {
        try {
          if (!readFileSync(`/proc/${pid}/${where}`).includes(needle)) return [];
          return [{ pid: Number(pid), where, comm: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() }];
        } catch {
          // It ended meanwhile.
          return [];
        }
      }),
    );
}

test('no value is anywhere but where it was asked for: no file, no output, no other process', {
  skip: underAgent !== undefined && 'run below a coding agent',
}, async (t) => {
  const story = begin(t);
  const { home, values, tally, asked } = story;
  const dotenv = join(home.directory, 'project', '.env');
  writeFileSync(dotenv, `FROM_FILE='${values.FROM_FILE}'\n`);
  asked.add(dotenv);

  assert.equal((await tally(['secrets', 'check'])).code, 3);
  assert.equal((await tally(['secrets', 'set', 'TYPED'], { stdin: values.TYPED })).code, 0);
  assert.equal((await tally(['secrets', 'set', 'AS_FILE'], { stdin: values.AS_FILE })).code, 0);
  assert.equal((await tally(['secrets', 'import', '--from', `dotenv:${dotenv}`])).code, 0);
  assert.equal((await tally(['secrets', 'check', '--json'])).code, 0);

  // People write into reasons what does not belong there, and agents do too.
  await tally(['secrets', 'get', 'TYPED', '--json', '--reason', `because ${values.FROM_FILE}`], {
    env: { AI_AGENT: 'bot' },
  });
  const got = story.printed.splice(-2, 2).join('');
  assert.ok(got.includes(JSON.stringify(values.TYPED).slice(1, -1)), 'the value was asked for');
  await tally(['secrets', 'get', values.TYPED.slice(0, 200)]);
  await tally(['secrets', 'get', 'TYPED'], { env: { AI_AGENT: 'bot' } });

  const started = home.start(
    [
      'secrets',
      'run',
      '--reason',
      'deploy',
      '--',
      'sh',
      '-c',
      'printf "%s\\n" "$TYPED"; cat "$AS_FILE"; printf %s "$FROM_FILE" | base64 -w0 >&2; echo ready; read wait',
    ],
    {
      open: true,
      env: {
        SECRETSPEC_FILE: join(home.directory, 'project', 'secretspec.toml'),
        HOME: join(home.directory, 'user'),
      },
    },
  );
  await started.until('ready');
  const child = await until(() => holders(values.TYPED)[0], 'the command with its environment');
  assert.deepEqual(
    holders(values.TYPED).map(({ where, comm }) => [where, comm]),
    [['environ', child.comm]],
    'only the command that was to have it',
  );
  assert.notEqual(child.pid, started.process.pid);
  assert.deepEqual(holders(values.AS_FILE), [], 'it was asked for as a file');
  const handed = [...filesBelow(join(home.directory))].filter(([, text]) =>
    text.includes(Buffer.from(values.AS_FILE).toString('latin1')),
  );
  assert.equal(handed.length, 1);
  assert.equal(statSync(handed[0]?.[0] ?? '').mode & 0o777, 0o600);
  started.process.stdin?.end('\n');
  const ran = await started.ended;
  assert.equal(ran.code, 0, ran.stderr);
  story.printed.push(ran.stdout, ran.stderr);
  assert.equal(existsSync(handed[0]?.[0] ?? ''), false);

  await tally(['audit', '--json', '--all']);
  await tally(['audit']);
  await tally(['log', 'list', '--json']);
  await tally(['secrets', 'list']);
  await tally(['secrets', 'scan', join(home.directory, 'logs')]);
  for (const [name, value] of Object.entries(values)) assert.deepEqual(places(story, value), [], name);
  assert.equal((await tally(['verify'])).code, 0);

  // The same search, where nothing is taken out: it would have found them.
  const open = await tally([
    'secrets',
    'run',
    '--no-mask',
    '--',
    'sh',
    '-c',
    // Not echo: some shells read its backslashes.
    'printf "%s\\n" "$TYPED"; cat "$AS_FILE"; printf "%s\\n" "$FROM_FILE"',
  ]);
  assert.equal(open.code, 0);
  for (const [name, value] of Object.entries(values))
    assert.deepEqual(places(story, value), ['printed'], name);
  const unknown = fresh();
  await tally(['secrets', 'get', 'TYPED', '--reason', `because ${unknown}`]);
  assert.ok(
    places(story, unknown).some((path) => path.includes('/logs/')),
    'a value that nobody knows is in the log',
  );
});
