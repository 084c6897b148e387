/**
 * Every example, with secrets planted in all that it says, asks, does and answers, in its errors and its environment, in
 * every encoding: none of them is in any byte that was written or printed. Payloads are opened with their keys, and sealed
 * segments unpacked. Without redaction the same search finds them.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, generateKeyPairSync, randomBytes, randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { zstdDecompressSync } from 'node:zlib';
import { keysOf, readPayload } from '../../src/cli/payloads.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { locate } from '../../src/paths.ts';
import { openReader } from '../../src/reader.ts';
import { entriesIn } from '../fault/check.ts';
import type { Place, Planting, PlayedExample } from '../fault/play-examples.ts';
import { type Form, formsOf, foundIn } from '../support/encodings.ts';
import { collect } from '../support/home.ts';

const PROGRAM = fileURLToPath(new URL('../fault/play-examples.ts', import.meta.url));
const PLACES: readonly Place[] = ['prompt', 'instructions', 'argument', 'result', 'answer', 'error'];

/** What an example does not have, or its framework tells nobody. */
const HIDDEN: Readonly<Record<string, readonly Place[]>> = {
  'frameworks/openai-agents.ts': ['error'],
  otlp: ['instructions'],
};

/** Quotes, a backslash, a slash, plus and a non-ASCII letter: every encoding changes something in it. */
const freshSecret = (): string =>
  `"s\\${randomBytes(15).toString('base64')}+é/${randomBytes(6).toString('hex')}`;

const digits = (count: number): string => Array.from({ length: count }, () => randomInt(10)).join('');
const word = (alphabet: string, length: number): string =>
  Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ALL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function card(): string {
  const body = `4${digits(14)}`;
  const sum = [...body].reduce((all, digit, i) => {
    const n = Number(digit) * (i % 2 === 0 ? 2 : 1);
    return all + (n > 9 ? n - 9 : n);
  }, 0);
  return body + String((10 - (sum % 10)) % 10);
}

function jwt(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: digits(9), iat: 1_750_000_000 })}`;
  return `${head}.${createHmac('sha256', randomBytes(32)).update(head).digest('base64url')}`;
}

/** Nobody told the machine of these: they are known by their shape. */
function shapes(): readonly Form[] {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' })).trim();
  const made = [
    ['card', card()],
    ['AWS key id', `AKIA${word(UPPER, 16)}`],
    ['GitHub token', `ghp_${word(ALL, 36)}`],
    ['JWT', jwt()],
    ['private key', pem],
  ] as const;
  return made.map(([name, text]) => ({
    name,
    text,
    needle: name === 'private key' ? (text.split('\n')[1] ?? text) : text,
  }));
}

interface Planted extends Form {
  readonly place: string;
}

/** Everything that somebody could find, in one string after the other. */
async function* haystacks(home: string): AsyncGenerator<readonly [name: string, text: string]> {
  for (const file of readdirSync(home, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const bytes = readFileSync(join(file.parentPath, file.name));
    yield [file.name, bytes.toString('utf8')];
    yield [`${file.name}, byte by byte`, bytes.toString('latin1')];
    if (file.name.endsWith('.zst'))
      yield [`${file.name}, unpacked`, zstdDecompressSync(bytes).toString('utf8')];
  }
  const paths = locate({ env: { TALLY_HOME: home }, home, tmp: home, uid: process.getuid?.() ?? 0 });
  const opened = openReader(paths, {});
  let read = 0;
  for (const entry of entriesIn(home) as unknown as readonly JsonObject[]) {
    if (entry.payload === undefined) continue;
    const payload = await readPayload(opened, entry, keysOf(paths), { current: true });
    assert.equal(payload.status, 'read', `payload of entry ${String(entry.index)} in ${home}`);
    if (payload.status === 'read')
      yield [
        `payload of ${String(entry.type)} ${String(entry.index)}`,
        Buffer.from(payload.plain).toString('utf8'),
      ];
    read++;
  }
  assert.ok(read > 0, `${home} has payloads`);
}

async function found(home: string, planted: readonly Planted[]): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const [name, text] of haystacks(home))
    for (const one of planted) if (foundIn(text, one)) all.push(`${one.place}: ${one.name} in ${name}`);
  return all;
}

describe('the examples, with secrets in everything', { timeout: 120_000 }, () => {
  const known = Object.fromEntries(
    [...PLACES, 'environment'].map((place) => [`SECRET_${place.toUpperCase()}`, freshSecret()]),
  );
  const planted: Planted[] = [];
  const texts = Object.fromEntries(
    PLACES.map((place) => {
      const forms = [...formsOf(known[`SECRET_${place.toUpperCase()}`] ?? ''), ...shapes()];
      planted.push(...forms.map((form) => ({ ...form, place })));
      return [place, `${place}: ${forms.map(({ text }) => text).join(' ; ')} .`];
    }),
  ) as Planting['planted'];
  planted.push(...formsOf(known.SECRET_ENVIRONMENT ?? '').map((form) => ({ ...form, place: 'environment' })));
  let directory = '';

  async function play(off: boolean) {
    const own = join(directory, off ? 'off' : 'on');
    const child = spawn(process.execPath, [PROGRAM], {
      env: {
        PATH: process.env.PATH ?? '',
        HOME: own,
        TMPDIR: directory,
        XDG_RUNTIME_DIR: join(directory, off ? 'f' : 'n'),
        NO_COLOR: '1',
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.end(JSON.stringify({ off, directory: own, planted: texts, known } satisfies Planting));
    const { code, stdout, stderr } = await collect(child);
    const [printed = '', played = '[]'] = stdout.split('\nPLAYED ');
    assert.equal(code, 0, off ? stderr.slice(0, 2_000) : 'see what it printed by hand: it may hold secrets');
    return { printed: printed + stderr, played: JSON.parse(played) as readonly PlayedExample[] };
  }

  let on: Awaited<ReturnType<typeof play>>;
  let off: Awaited<ReturnType<typeof play>>;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tally-examples-'));
    [on, off] = await Promise.all([play(false), play(true)]);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it('are all played that are there', () => {
    const names = on.played.map(({ name }) => name);
    for (const one of ['bare', 'python', 'otlp', 'sdk/run.ts']) assert.ok(names.includes(one), one);
    assert.ok(names.filter((name) => name.startsWith('frameworks/')).length >= 4, names.join());
    const told = (played: readonly PlayedExample[]) =>
      played.map(({ name, skipped, error }) =>
        [name, skipped, error].filter((x) => x !== undefined).join(' '),
      );
    assert.deepEqual(told(on.played), told(off.played), 'redaction changes nothing of what an agent does');
  });

  it('leave none of them in any byte, opened payloads included, and print none', async () => {
    for (const { name, home, skipped } of on.played)
      if (skipped === undefined) assert.deepEqual(await found(home, planted), [], name);
    assert.deepEqual(
      planted.filter((one) => foundIn(on.printed, one)).map(({ place, name }) => `${place}: ${name}`),
      [],
    );
  });

  it('leave every kind of place without redaction: the search finds what is there', async () => {
    for (const { name, home, skipped } of off.played) {
      if (skipped !== undefined) continue;
      const there = await found(home, planted);
      const places = new Set(there.map((line) => line.split(':', 1)[0]));
      assert.deepEqual(
        PLACES.filter((place) => !places.has(place)),
        HIDDEN[name] ?? [],
        name,
      );
      assert.ok(!places.has('environment'), 'nobody records the environment');
    }
    const there = await found(off.played[0]?.home ?? '', planted);
    for (const form of new Set(planted.map((one) => one.name)))
      assert.ok(
        there.some((line) => line.includes(`: ${form} in`)),
        form,
      );
  });
});
