import assert from 'node:assert/strict';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJsonc } from '../../../src/cli/commands/install/jsonc.ts';
import { CLIENTS, configOf } from '../../../src/cli/commands/install/mcp-clients.ts';
import { unwrapServers, wrapServers } from '../../../src/cli/commands/install/mcp-edit.ts';
import { makeHome } from '../../support/home.ts';

const WRAPPER = { node: '/opt/node', program: '/opt/tally/bin/tally.js', agent: 'cursor' };

const word = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('--', '-y', 'mcp', 'wrap', 'tally'),
);
const server = fc.oneof(
  fc.record(
    { command: word, args: fc.array(word, { maxLength: 4 }), env: fc.dictionary(word, word, { maxKeys: 2 }) },
    { requiredKeys: ['command'] },
  ),
  fc.record({ url: word }),
  fc.jsonValue(),
);
const config = fc.record({
  mcpServers: fc.dictionary(word, server, { maxKeys: 4 }),
  other: fc.jsonValue(),
  projects: fc.dictionary(word, fc.record({ mcpServers: fc.dictionary(word, server, { maxKeys: 2 }) }), {
    maxKeys: 2,
  }),
});
/** As people and programs write it. */
const written = fc
  .tuple(config, fc.constantFrom(0, 2, '\t'), fc.boolean())
  .map(([value, indent, comments]) => {
    const text = JSON.stringify(value, null, indent);
    return comments ? `// servers, "of" mine\n${text.replaceAll(/,\n/g, ', /* , */\n')}\n` : text;
  });

test('what is put in is taken out again to the byte, whatever the file looks like', () => {
  fc.assert(
    fc.property(written, (text) => {
      const wrapped = wrapServers(text, 'f', WRAPPER);
      assert.equal(wrapServers(wrapped.text, 'f', WRAPPER).text, wrapped.text, 'twice is the same as once');
      const before = wrapped.changes.some(({ done }) => done === 'already');
      const back = unwrapServers(wrapped.text, 'f');
      if (!before) assert.equal(back.text, text);
      for (const { after, before: was } of back.changes)
        assert.deepEqual(after, was?.slice(was.indexOf('--') + 1));
      parseJsonc(wrapped.text);
    }),
    { numRuns: 1_000 },
  );
});

test('the reader of configurations agrees with JSON.parse about what is JSON, and places every error', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.json(), fc.string({ unit: fc.constantFrom(...'{}[]",:1ntrue /*\\u0\n') })),
      (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        try {
          parseJsonc(text);
        } catch (error) {
          assert.equal(isJson, false, String(error));
          assert.ok(error instanceof Error && 'at' in error);
        }
      },
    ),
    { numRuns: 3_000 },
  );
});

test('command and args are wrapped, and environment, comments and order stay', () => {
  const text = `{
  // mine
  "mcpServers": {
    "git hub": { "env": { "GITHUB_TOKEN": "t" }, "command": "npx", "args": ["-y", "server-github"], },
    "bare": { "command": "./serve" },
    "far": { "url": "https://mcp.example/mcp" }
  }
}
`;
  const { text: wrapped, changes } = wrapServers(text, 'f', WRAPPER);
  assert.equal(
    wrapped,
    `{
  // mine
  "mcpServers": {
    "git hub": { "env": { "GITHUB_TOKEN": "t" }, "command": "/opt/node", "args": ["/opt/tally/bin/tally.js", "mcp", "wrap", "--name", "git-hub", "--agent", "cursor", "--", "npx", "-y", "server-github"], },
    "bare": { "command": "/opt/node",  "args":  ["/opt/tally/bin/tally.js", "mcp", "wrap", "--name", "bare", "--agent", "cursor", "--", "./serve"] },
    "far": { "url": "https://mcp.example/mcp" }
  }
}
`,
  );
  assert.deepEqual(
    changes.map(({ name, done }) => [name, done]),
    [
      ['git hub', 'wrapped'],
      ['bare', 'wrapped'],
      ['far', 'left'],
    ],
  );
});

test('a file that cannot be read is refused with line and column', () => {
  assert.throws(() => wrapServers('{\n  "mcpServers": {,}\n}', 'my.json', WRAPPER), {
    code: 'BAD_CONFIG',
    message: /my\.json.*line 2, column 18/,
  });
});

test('the real command installs, says it is installed, and takes it back', async () => {
  const home = await makeHome();
  try {
    const secret = `ghp_${'x1Y2z3'.repeat(6)}`;
    const path = configOf('cursor', { home: home.directory, platform: process.platform, env: {} });
    const real = join(home.directory, 'dotfiles.json');
    await mkdir(join(path, '..'), { recursive: true });
    const text = `{"mcpServers": {"x": {"command": "npx", "args": ["--token", "${secret}"]}}}`;
    await writeFile(real, text, { mode: 0o640 });
    await symlink(real, path);
    const dry = await home.tally(['install', 'mcp', '--dry-run']);
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(dry.stdout, /x: wrapped[\s\S]*mcp wrap --name x --agent cursor -- npx/);
    assert.ok(!dry.stdout.includes(secret), 'no key is shown');
    assert.equal(await readFile(real, 'utf8'), text);
    assert.equal((await home.tally(['install', 'mcp'])).code, 0);
    assert.match(await readFile(path, 'utf8'), /"mcp", "wrap", "--name", "x"/);
    assert.equal((await stat(real)).mode & 0o777, 0o640);
    assert.equal(await readFile(`${real}.before-tally`, 'utf8'), text);
    assert.match((await home.tally(['install', 'mcp'])).stdout, /x: already/);
    assert.equal((await home.tally(['uninstall', 'mcp'])).code, 0);
    assert.equal(await readFile(real, 'utf8'), text);
    await writeFile(real, '{"mcpServers": ');
    const broken = await home.tally(['install', 'mcp']);
    assert.equal(broken.code, 2);
    assert.match(broken.stderr, /BAD_CONFIG[\s\S]*line 1, column/);
  } finally {
    await home.remove();
  }
});

test('every client has a place of its own on every system', () => {
  for (const platform of ['linux', 'darwin', 'win32'] as const) {
    const paths = CLIENTS.map((client) => configOf(client, { home: '/h', platform, env: {} }));
    assert.equal(new Set(paths).size, CLIENTS.length);
  }
});
