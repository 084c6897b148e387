// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of manifests look like that
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { destinationOf } from '../../../src/capture/secrets/destination.ts';
import { formatOf } from '../../../src/capture/secrets/export.ts';
import { extractIni, extractJson } from '../../../src/capture/secrets/extract.ts';
import { loadManifest } from '../../../src/capture/secrets/manifest/load.ts';
import { resolveProfile } from '../../../src/capture/secrets/profile.ts';
import { dotenvLine, parseDotenv } from '../../../src/capture/secrets/providers/dotenv-format.ts';
import { createProviders, type ProvidersOptions } from '../../../src/capture/secrets/providers/registry.ts';
import { parseAddress } from '../../../src/capture/secrets/providers/uri.ts';
import { resolveSecret, triedOf } from '../../../src/capture/secrets/resolve.ts';
import { openVault } from '../../../src/capture/secrets/vault.ts';
import { isTallyError } from '../../../src/core/error.ts';

const TOP =
  '[project]\nname = "app"\n[providers]\nfirst = "dotenv:first.env"\nsecond = { uri = "dotenv:second.env", ref = { item = "{project}_{key}" } }\nboth = { fallback = ["first", "second"], cache = { provider = "keyring", max_age = "1h" } }\nbroken = "dotenv:broken.env"\n';

function stage(t: TestContext, body: string, more: Partial<ProvidersOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'resolve-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'secretspec.toml');
  writeFileSync(path, `${TOP}${body}`);
  writeFileSync(join(directory, 'broken.env'), 'this is no assignment\n');
  const vault = openVault({ path: join(directory, 'v'), key: { path: join(directory, 'k', 'key') } });
  const providers = createProviders({
    env: {},
    home: directory,
    directory,
    locks: directory,
    vault: () => vault,
    ...more,
  });
  const manifest = loadManifest(path);
  const file = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  const get = async (name: string, provider?: string) =>
    resolveSecret(manifest, 'default', name, providers, { provider });
  return { manifest, providers, vault, file, get, directory };
}

test('the first place that has it serves it, and the others are not opened', async (t) => {
  const { get, file, directory } = stage(
    t,
    '[profiles.default]\nA = { description = "a", providers = ["first", "second", "broken"] }\n',
  );
  file('first.env', 'B=1\n');
  file('second.env', 'app_A=from-second\n');
  const found = await get('A');
  assert.equal(found.value?.toString(), 'from-second');
  assert.equal(found.provider, `dotenv:${join(directory, 'second.env')}`);
  assert.equal(found.ref, 'item=app_A');
  assert.deepEqual(
    found.tried.map(({ result }) => result),
    ['missing', 'found'],
  );
});

test('a place that failed is not one that has nothing: not missing, and not the default', async (t) => {
  const { get, file } = stage(
    t,
    '[profiles.default]\nNEEDED = { description = "n", providers = ["broken", "first"] }\nUSUAL = { description = "u", default = "x", providers = ["broken", "first"] }\nSPARE = { description = "s", required = false, providers = ["broken", "first"] }\n',
  );
  for (const name of ['NEEDED', 'USUAL'])
    await assert.rejects(get(name), (error: unknown) => {
      assert.ok(isTallyError(error) && error.details?.kind === 'provider_answer_invalid');
      assert.deepEqual(
        triedOf(error).map(({ result }) => result),
        ['error', 'missing'],
      );
      return true;
    });
  // An optional one that another place does not have is missing; who failed is told.
  const spare = await get('SPARE');
  assert.deepEqual([spare.found, spare.tried[0]?.error_kind], ['missing', 'provider_answer_invalid']);
  file('first.env', 'NEEDED=there\n');
  assert.equal((await get('NEEDED')).value?.toString(), 'there');
});

test('--provider takes the place of everything else, also of refs’ places; an alias of several stands for them in order', async (t) => {
  const { get, file } = stage(
    t,
    '[profiles.default]\nA = { description = "a", providers = ["broken"], ref = { item = "OTHER" } }\nB = { description = "b", providers = ["both"] }\n',
  );
  file('first.env', 'OTHER=other\n');
  file('second.env', 'app_B=b\n');
  assert.equal((await get('A', 'first')).value?.toString(), 'other');
  assert.equal((await get('B')).value?.toString(), 'b');
});

test('defaults, missing ones, empty ones and composed ones are told apart', async (t) => {
  const { get, file } = stage(
    t,
    '[profiles.default.defaults]\nproviders = ["first"]\n[profiles.default]\nD = { description = "d", default = "usual" }\nM = { description = "m" }\nE = { description = "e" }\nC = { description = "c", composed = "<${E}${D}>$${E}" }\nN = { description = "n", composed = "${M}" }\n',
  );
  file('first.env', 'E=\n');
  const of = async (name: string) => {
    const { found, value, provider } = await get(name);
    return [found, value?.toString(), provider === undefined];
  };
  assert.deepEqual(await of('D'), ['default', 'usual', true]);
  assert.deepEqual(await of('M'), ['missing', undefined, true]);
  assert.deepEqual(await of('E'), ['found', '', false]);
  assert.deepEqual(await of('C'), ['found', '<usual>${E}', true]);
  assert.deepEqual(await of('N'), ['missing', undefined, true]);
  await assert.rejects(
    get('X'),
    (error: unknown) =>
      isTallyError(error) &&
      error.details?.kind === 'secret_undeclared' &&
      /^declare it in .*--global$/.test(error.hint ?? ''),
  );
});

test('what is stored is decoded and taken out of its document, and written back encoded', async (t) => {
  const { get, file, manifest, providers } = stage(
    t,
    '[profiles.default.defaults]\nproviders = ["first"]\n[profiles.default]\nBIN = { description = "b", encoding = "base64url" }\nBAD = { description = "b", encoding = "hex" }\nPART = { description = "p", ref = { item = "DOC" }, extract = { format = "json", pointer = "/a~1b/1/k" } }\n',
  );
  file('first.env', `BIN=_-8\nBAD=xyz\nDOC='{"a/b": [0, {"k": "inside"}]}'\n`);
  assert.deepEqual((await get('BIN')).value, Buffer.from([0xff, 0xef]));
  await assert.rejects(
    get('BAD'),
    (error: unknown) =>
      isTallyError(error) && error.details?.kind === 'value_invalid' && !error.message.includes('xyz'),
  );
  assert.equal((await get('PART')).value?.toString(), 'inside');
  const destination = await destinationOf(manifest, 'default', 'BIN', providers);
  await destination.write(Buffer.from([0, 0xff]));
  assert.deepEqual((await get('BIN')).value, Buffer.from([0, 0xff]));
  await assert.rejects(
    destinationOf(manifest, 'default', 'PART', providers),
    (error: unknown) => isTallyError(error) && error.details?.kind === 'provider_read_only',
  );
});

test('a profile at once: what is there, what is missing, what failed, and groups judged over what is seen', async (t) => {
  const { manifest, providers, file } = stage(
    t,
    '[scopes.one]\nsecrets = ["A", "G1"]\n[profiles.default.defaults]\nproviders = ["first"]\n[profiles.default]\nA = { description = "a" }\nB = { description = "b", providers = ["broken"] }\nG1 = { description = "g", required = { exactly_one = "g" } }\nG2 = { description = "g", required = { exactly_one = "g" } }\n',
  );
  file('first.env', 'G1=1\nG2=2\n');
  const all = await resolveProfile(manifest, 'default', providers);
  assert.deepEqual(all.missing, ['A']);
  assert.deepEqual(
    all.secrets.map(({ secret, ...found }) => [secret.name, 'failure' in found]),
    [
      ['A', false],
      ['B', true],
      ['G1', false],
      ['G2', false],
    ],
  );
  assert.match(all.groups[0]?.what ?? '', /G1 and G2 exclude each other/);
  const some = await resolveProfile(manifest, 'default', providers, { scope: 'one' });
  assert.deepEqual([some.secrets.length, some.groups.length], [2, 0]);
  await assert.rejects(resolveProfile(manifest, 'default', providers, { scope: 'on' }), /no scope on/);
});

test('the machine’s own secrets are where its configuration says, and any other in the vault', async (t) => {
  const { providers, vault, file } = stage(t, '[profiles.default]\nA = { description = "a" }\n', {
    own: new Map([
      [
        'KEY',
        {
          name: 'KEY',
          required: true,
          groups: [],
          asPath: false,
          prompt: false,
          providers: ['dotenv:first.env'],
          ref: { item: 'OF_OTHERS' },
        },
      ],
    ]),
  });
  file('first.env', 'OF_OTHERS=elsewhere\n');
  await vault.set('PLAIN', 'in-the-vault');
  assert.equal((await resolveSecret(undefined, '', 'KEY', providers)).value?.toString(), 'elsewhere');
  assert.equal((await resolveSecret(undefined, '', 'PLAIN', providers)).value?.toString(), 'in-the-vault');
});

test('whatever is written to a .env file or a shell reads back the same, and hostile files end in entries or a line', () => {
  const bytes = fc
    .uint8Array({ maxLength: 60 })
    .map((list) => Buffer.from(list.filter((byte) => byte !== 0)));
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 5 }), (values) => {
      const parsed = parseDotenv(Buffer.concat(values.map((value, i) => dotenvLine(`K${i}`, value))));
      assert.ok('entries' in parsed);
      assert.deepEqual(
        parsed.entries.map(({ value }) => value),
        values,
      );
    }),
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: fc.constantFrom('A', '=', '"', "'", '\n', '#', ' ', '\\', '`', '\r') }),
      (noise, text) => {
        for (const file of [Buffer.from(noise), Buffer.from(text)]) {
          const parsed = parseDotenv(file);
          if ('problem' in parsed) assert.ok(parsed.problem.line >= 1);
        }
      },
    ),
  );
  assert.throws(() => formatOf('shell', [{ name: 'A', value: Buffer.from('a\0b') }]), /NUL/);
});

test('addresses, pointers and documents of anybody end in an answer', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parseAddress(text, ['a']);
      } catch (error) {
        assert.ok(isTallyError(error), String(error));
        const told = text.length > 20 && error.message.includes(text);
        assert.ok(!told, 'an address is not quoted');
      }
    }),
  );
  fc.assert(
    fc.property(fc.json(), fc.array(fc.string()), (document, path) => {
      const pointer = path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
      extractJson(Buffer.from(document), pointer);
      extractIni(Buffer.from(document), pointer);
    }),
  );
  assert.equal(extractJson(Buffer.from('{"a":{}}'), '/__proto__'), undefined);
  assert.equal(extractIni(Buffer.from('k = top\n[s]\n; x\nk : in\n'), '/s/k')?.toString(), 'in');
  assert.equal(extractIni(Buffer.from('k = top\n[s]\nk = in\n'), '/k')?.toString(), 'top');
});
