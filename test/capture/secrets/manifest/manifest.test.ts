// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of manifests look like that
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { findManifest } from '../../../../src/capture/secrets/manifest/find.ts';
import { loadManifest } from '../../../../src/capture/secrets/manifest/load.ts';
import { parseTemplate, renderTemplate } from '../../../../src/capture/secrets/manifest/template.ts';
import { isTallyError, type TallyError } from '../../../../src/core/error.ts';
import { LIMITS } from '../../../../src/core/limits.ts';

const root = mkdtempSync(join(tmpdir(), 'manifest-'));
after(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
/** Files in a directory of their own; the first is loaded. */
function written(files: Readonly<Record<string, string>>): string {
  const directory = join(root, String(count++));
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return join(directory, Object.keys(files)[0] ?? '');
}

const load = (text: string) => loadManifest(written({ 'secretspec.toml': text }));
const HEAD = '[project]\nname = "app"\nrevision = "1.0"\n';

function refused(load: () => unknown): TallyError {
  try {
    load();
  } catch (error) {
    assert.ok(isTallyError(error) && error.code === 'MANIFEST_INVALID', String(error));
    assert.ok(error.hint);
    return error;
  }
  return assert.fail('it was taken');
}

describe('a manifest', () => {
  it('as it is published is read whole', () => {
    const { project, profiles, aliases, scopes, requireReason } = load(`${HEAD}
require_reason = "agents"
[providers]
prod = "onepassword://Production"
team = { uri = "vault://v.example.com/secret", credentials = { token = "keyring" }, ref = { item = "{project}", field = "{key}" } }
cached = { fallback = ["prod", "env"], cache = { provider = "keyring", max_age = "8h" } }
[profiles.default]
APP_NAME = { description = "Application name", required = false, default = "MyApp" }
SESSION = { description = "Session", required = true, providers = ["prod", "env"] }
PASSWORD = { description = "p", required = { at_least_one = "auth" } }
TOKEN = { description = "t", required = { at_least_one = "auth" } }
CERT = { description = "c", encoding = "base64", as_path = true }
PART = {
  description = "part",
  ref = { item = "app.json" },
  extract = { format = "json", pointer = "/a/b" },
}
MADE = { description = "m", type = "password", generate = { length = 20, charset = "ascii" } }
URL = { description = "u", composed = "x://\${PASSWORD}@$$\${SESSION}" }
[profiles.production.defaults]
providers = ["team"]
[profiles.production]
APP_NAME = { required = true }
SESSION = { providers = ["team"] }
[profiles.alone.defaults]
inherit = false
[profiles.alone]
ONE = { description = "one" }
[scopes.api]
secrets = ["SESSION", "ONE"]
`);
    assert.equal(project, 'app');
    assert.equal(requireReason, 'agents');
    assert.deepEqual(aliases.get('cached')?.specs, ['prod', 'env']);
    assert.equal(aliases.get('team')?.credentials?.get('token')?.provider, 'keyring');
    assert.deepEqual(scopes.get('api'), ['SESSION', 'ONE']);
    const standard = profiles.get('default')?.secrets;
    assert.equal(standard?.get('APP_NAME')?.required, false);
    assert.deepEqual(standard?.get('PASSWORD')?.groups, [{ mode: 'at_least_one', group: 'auth' }]);
    assert.equal(standard?.get('CERT')?.asPath, true);
    assert.deepEqual(standard?.get('PART')?.extract, { format: 'json', pointer: '/a/b' });
    const production = profiles.get('production')?.secrets;
    assert.equal(production?.get('SESSION')?.description, 'Session', 'a description is inherited');
    assert.deepEqual(production?.get('SESSION')?.providers, ['team']);
    assert.deepEqual(
      production?.get('TOKEN')?.providers,
      ['team'],
      'the defaults of a profile fill what is open',
    );
    assert.deepEqual([...(profiles.get('alone')?.secrets.keys() ?? [])], ['ONE']);
  });

  it('says where it is wrong, to the line and column', () => {
    const cases: readonly (readonly [text: string, line: number, column: number, words: RegExp])[] = [
      [`${HEAD}[profiles.default\n`, 4, 18, /not TOML/],
      [`${HEAD}[profiles.default]\nA = { description = "x" }\nA = { description = "y" }\n`, 6, 1, /not TOML/],
      ['[profiles.default]\nA = { description = "x" }\n', 1, 1, /no \[project\]/],
      ['[project]\nname = "a/b"\n', 2, 1, /name/],
      ['[project]\nname = "a"\nrevision = "2.0"\n', 3, 1, /revision/],
      [`${HEAD}[profiles.default]\nA = { description = "x", requird = true }\n`, 5, 26, /requird/],
      [`${HEAD}[profiles.default]\nA = "value"\n`, 5, 1, /table/],
      [`${HEAD}[profiles.default]\n\n# A = 1\nA = { required = true }\n`, 7, 1, /no description/],
      [
        `${HEAD}[profiles.default]\nA = { description = "x", required = true, default = "y" }\n`,
        5,
        43,
        /exclude/,
      ],
      [`${HEAD}[profiles.default]\n"not-a-name" = { description = "x" }\n`, 5, 1, /name/],
      [`${HEAD}[profiles.default.A]\ndescription = "x"\nref = "op://x/y/z"\n`, 6, 1, /ref is a table/],
      [`${HEAD}[profiles.default]\nA = { description = "x", providers = [] }\n`, 5, 26, /names none/],
      [
        `${HEAD}[profiles.default]\nA = { description = "x", required = { exactly_one = "g" } }\n`,
        5,
        26,
        /one member/,
      ],
      [`${HEAD}[profiles.default]\nA = { description = "x", composed = "\${B}" }\n`, 5, 26, /not declared/],
      [
        `${HEAD}[profiles.default]\nA = { description = "x" }\n[scopes.api]\nsecrets = ["B"]\n`,
        6,
        2,
        /no profile declares/,
      ],
      [`${HEAD}[profiles]\n`, 4, 2, /no profile/],
    ];
    for (const [text, line, column, words] of cases) {
      const error = refused(() => load(text));
      assert.match(error.message, words, text);
      assert.deepEqual(
        [error.details?.line, error.details?.column],
        [line, column],
        `${error.message}\n${text}`,
      );
    }
  });

  it('cannot say anything about the audit log', () => {
    const error = refused(() =>
      load(`${HEAD}[profiles.default]\nA = { description = "x" }\n[audit]\nenabled = false\n`),
    );
    assert.match(error.message, /no say in the audit log/);
  });

  it('never has a default of its own quoted in an error', () => {
    const error = refused(() =>
      load(`${HEAD}[profiles.default]\nA = { description = "x", default = "s3cr3t-value", x\n`),
    );
    assert.ok(!JSON.stringify(error).includes('s3cr3t') && !error.message.includes('s3cr3t'));
  });

  it('composed of others in a ring is refused, and names the ring', () => {
    const text = `${HEAD}[profiles.default]\nA = { description = "a", composed = "\${B}" }\nB = { description = "b", composed = "\${C}" }\nC = { description = "c", composed = "\${A}" }\n`;
    assert.match(refused(() => load(text)).message, /A → B → C → A/);
  });
});

describe('extends', () => {
  it('puts the project over what it extends, later ones over earlier ones, a shared one once', () => {
    const path = written({
      'app/secretspec.toml': `[project]\nname = "app"\nextends = ["../one", "../two/secretspec.toml"]\n[profiles.default]\nOWN = { description = "own" }\nBOTH = { description = "of the app" }\n`,
      'one/secretspec.toml': `[project]\nname = "one"\nrequire_reason = true\nextends = ["../base"]\n[profiles.default]\nX = { description = "of one" }\nBOTH = { description = "of one", default = "gone" }\n[profiles.default.defaults]\nrequired = false\n`,
      'two/secretspec.toml': `[project]\nname = "two"\nextends = ["../base"]\n[profiles.default]\nX = { description = "of two" }\n`,
      'base/secretspec.toml': `[project]\nname = "base"\n[providers]\nx = "env"\n[profiles.default]\nX = { description = "of base" }\nY = { description = "of base" }\n`,
    });
    const { project, profiles, requireReason, aliases } = loadManifest(path);
    const secrets = profiles.get('default')?.secrets;
    assert.equal(project, 'app');
    assert.equal(requireReason, 'always');
    assert.ok(aliases.has('x'));
    assert.deepEqual([...(secrets?.keys() ?? [])], ['BOTH', 'OWN', 'X', 'Y']);
    assert.equal(secrets?.get('X')?.description, 'of two');
    assert.equal(secrets?.get('BOTH')?.default, undefined, 'a declaration is replaced whole');
    assert.equal(secrets?.get('OWN')?.required, false, 'defaults are inherited field by field');
  });

  it('in a ring, of what is not there, or without end is refused with the place', () => {
    const project = (name: string, other: string) =>
      `[project]\nname = "${name}"\nextends = ["${other}"]\n[profiles.default]\nA = { description = "a" }\n`;
    const ring = written({
      'a/secretspec.toml': project('a', '../b'),
      'b/secretspec.toml': project('b', '../a'),
    });
    assert.match(
      refused(() => loadManifest(ring)).message,
      /b\/secretspec\.toml:3:1: extends goes round in a ring/,
    );
    assert.match(
      refused(() => loadManifest(written({ 'secretspec.toml': project('a', '.') }))).message,
      /ring/,
    );
    assert.match(
      refused(() => loadManifest(written({ 'secretspec.toml': project('a', 'nowhere') }))).message,
      /not there/,
    );
    const many = Object.fromEntries(
      Array.from({ length: LIMITS.manifestFiles + 2 }, (_, i) => [
        `m${i}/secretspec.toml`,
        project(`m${i}`, `../m${i + 1}`),
      ]),
    );
    assert.match(refused(() => loadManifest(written(many))).message, /more than 64 files/);
  });

  it('reaches no pipe, no device, nothing endless', () => {
    const path = written({ 'secretspec.toml': '[project]\nname = "a"\nextends = ["pipe.toml"]\n' });
    execFileSync('mkfifo', [join(dirname(path), 'pipe.toml')]);
    assert.match(refused(() => loadManifest(path)).message, /not a file/);
    const large = written({ 'secretspec.toml': `# ${'x'.repeat(LIMITS.manifestBytes)}` });
    assert.match(refused(() => loadManifest(large)).message, /more than/);
    const latin = join(dirname(path), 'latin.toml');
    writeFileSync(latin, Buffer.from([0x23, 0xff, 0x0a]));
    assert.match(refused(() => loadManifest(latin)).message, /not UTF-8/);
  });
});

describe('finding a manifest', () => {
  it('takes the nearest one here or above', () => {
    const path = written({ 'secretspec.toml': HEAD, 'a/b/c/x': '', 'a/secretspec.toml': HEAD });
    const directory = dirname(path);
    assert.equal(findManifest(join(directory, 'a', 'b', 'c')), join(directory, 'a', 'secretspec.toml'));
    assert.equal(findManifest(directory), path);
  });

  it('takes a link to a file, and no directory of that name', () => {
    const path = written({ 'real.toml': HEAD, 'sub/x': '' });
    symlinkSync(path, join(dirname(path), 'secretspec.toml'));
    mkdirSync(join(dirname(path), 'sub', 'secretspec.toml'));
    chmodSync(path, 0o644);
    assert.equal(findManifest(join(dirname(path), 'sub')), join(dirname(path), 'secretspec.toml'));
  });
});

describe('hostile manifests', () => {
  it('end in a manifest or in an error with a place, in bounded time', () => {
    const word = fc.constantFrom(
      'A',
      'defaults',
      'required',
      'default',
      'composed',
      '${A}',
      '${',
      'x',
      '__proto__',
      'constructor',
      'toString',
    );
    const value: fc.Arbitrary<string> = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        word.map((text) => JSON.stringify(text)),
        fc.constantFrom('true', '1', '1979-05-27', '[]', 'nan', '{ }'),
        fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
        fc
          .array(fc.tuple(word, tie('value')), { maxLength: 3 })
          .map((all) => `{ ${all.map(([name, of]) => `${JSON.stringify(name)} = ${of}`).join(', ')} }`),
      ),
    })).value as fc.Arbitrary<string>;
    const table = fc.constantFrom(
      'project',
      'profiles.default',
      'profiles.p',
      'profiles.p.defaults',
      'providers',
      'scopes.s',
      'profiles.__proto__',
    );
    const line = fc.tuple(word, value).map(([name, of]) => `${JSON.stringify(name)} = ${of}`);
    const text = fc
      .array(fc.tuple(table, fc.array(line, { maxLength: 4 })), { maxLength: 5 })
      .map((all) => [HEAD, ...all.map(([name, lines]) => `[${name}]\n${lines.join('\n')}`)].join('\n'));
    const path = written({ 'secretspec.toml': '' });
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary', maxLength: 200 })), (content) => {
        writeFileSync(path, content);
        try {
          assert.ok(loadManifest(path).profiles.size > 0);
        } catch (error) {
          assert.ok(isTallyError(error) && error.code === 'MANIFEST_INVALID', String(error));
          assert.ok(Number(error.details?.line) >= 1 && Number(error.details?.column) >= 1);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('a template puts values in as they are, once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.string(), (text, value) => {
        const parsed = parseTemplate(`${text}\${A}`);
        if ('problem' in parsed) return;
        const names = parsed.names.length;
        const made = renderTemplate(parsed, () => Buffer.from(value));
        assert.ok(made !== undefined && names >= 1);
      }),
    );
    const parsed = parseTemplate('$${A}-${A}-$$');
    assert.ok(!('problem' in parsed));
    assert.equal(renderTemplate(parsed, () => Buffer.from('${A}$$'))?.toString(), '${A}-${A}$$-$');
    assert.equal(
      renderTemplate(parsed, () => undefined),
      undefined,
    );
  });
});
