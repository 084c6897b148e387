/** The real command on real settings files, and the hooks that it wrote against the recorder that it starts. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from '../home.ts';

const THEIRS = `{
    "model": "opus",
    "hooks": {
        "PreToolUse": [
            {
                "matcher": "Bash",
                "hooks": [
                    {
                        "type": "command",
                        "command": "mine.sh"
                    }
                ]
            }
        ]
    },
    "permissions": {"allow": ["Read"]}
}
`;

const read = (path: string): string => readFileSync(path, 'utf8');
const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('hooks are put into settings and taken out again to the byte; nothing is changed by --dry-run, nor twice', async (t) => {
  const home = makeHome(t);
  const claude = join(home.directory, 'claude');
  const real = join(home.directory, 'dotfiles.json');
  mkdirSync(claude);
  writeFileSync(real, THEIRS, { mode: 0o644 });
  const file = join(claude, 'settings.json');
  symlinkSync(real, file);
  const env = { CLAUDE_CONFIG_DIR: claude };

  const dry = await home.tally(['install', 'claude-code', '--dry-run'], { env });
  assert.equal(dry.code, 0);
  assert.match(dry.stdout, /^\+ +"url": "http:\/\/127\.0\.0\.1:\d+\/hooks\/claude-code\?event=PreToolUse"/m);
  assert.match(dry.stdout, /nothing was changed/);
  assert.equal(read(file), THEIRS);

  const done = await home.tally(['install', 'claude-code', '--closed'], { env });
  assert.equal(done.code, 0, done.stderr);
  const text = read(file);
  const [token = ''] = /hok_[A-Za-z0-9_-]{43}/.exec(text) ?? [];
  assert.notEqual(token, '');
  assert.ok(!done.stdout.includes(token), 'the token is not printed');
  assert.match(text, /"onFailure": "block"/);
  assert.match(text, /"command": "mine\.sh"/);
  assert.equal(modeOf(real), 0o600);
  assert.ok(lstatSync(file).isSymbolicLink() && read(real) === text, 'the link stays a link');
  assert.equal(read(`${real}.tally-backup`), THEIRS);
  assert.equal(modeOf(join(home.directory, 'claude-code-hooks.json')), 0o600);
  const [change] = home.entries('config.change');
  assert.deepEqual(change?.metadata, { hooks: 'install', of: 'claude-code', file: real, closed: true });

  const again = await home.tally(['install', 'claude-code', '--closed'], { env });
  assert.match(again.stdout, /nothing to change/);
  assert.equal(read(file), text);

  const agent = await home.tally(['uninstall', 'claude-code'], { env: { ...env, CLAUDECODE: '1' } });
  assert.equal(agent.error().code, 'OPERATOR_REQUIRED');
  assert.equal(read(file), text);

  const out = await home.tally(['uninstall', 'claude-code'], { env });
  assert.equal(out.code, 0, out.stderr);
  assert.equal(read(file), THEIRS);
  assert.match((await home.tally(['uninstall', 'claude-code'], { env })).stdout, /no hooks of tally/);
});

test('a shared file gets no token, a file that cannot be read is left alone, and what was made is removed', async (t) => {
  const home = makeHome(t);
  const cwd = join(home.directory, 'project');
  const folder = join(cwd, '.claude');
  mkdirSync(folder, { recursive: true });
  const [shared, own] = [join(folder, 'settings.json'), join(folder, 'settings.local.json')];
  writeFileSync(shared, '{\n  // mine\n  "model": "x"\n}\n');
  const broken = await home.tally(['install', 'claude-code', '--project'], { cwd });
  assert.equal(broken.code, 2);
  assert.equal(broken.error().code, 'BAD_CONFIG');
  assert.match(broken.error().message, /settings\.json cannot be changed, and was not: it has comments/);
  assert.equal(read(shared), '{\n  // mine\n  "model": "x"\n}\n');
  assert.ok(!existsSync(own));

  writeFileSync(shared, '{ "model": "x" }\n', { mode: 0o644 });
  const done = await home.tally(['install', 'claude-code', '--project', '--json'], { cwd });
  assert.deepEqual(done.json().changed, [shared, own]);
  assert.ok(!read(shared).includes('hok_'));
  assert.ok(!read(shared).includes(home.directory), 'no path of this machine');
  assert.equal(modeOf(shared), 0o644);
  assert.match(read(own), /"TALLY_HOOK_TOKEN": "hok_/);
  assert.equal(modeOf(own), 0o600);
  assert.equal((await home.tally(['uninstall', 'claude-code', '--project'], { cwd })).code, 0);
  assert.equal(read(shared), '{ "model": "x" }\n');
  assert.ok(!existsSync(own), 'it held nothing else');
});

test('doctor fires a test hook as it is written in the settings, and status says what its records are worth', async (t) => {
  const home = makeHome(t);
  const env = { CLAUDE_CONFIG_DIR: join(home.directory, 'claude'), PATH: '/usr/bin:/bin' };
  await home.up('--no-watch');
  const done = await home.tally(['install', 'claude-code', '--closed', '--json'], { env });
  assert.equal(done.json().running, true, done.stderr);
  type Checks = { checks: { name: string; status: string; detail: string; mend?: string }[] };
  const check = async () => {
    const { checks } = (await home.tally(['doctor', '--json'], { env })).json() as Checks &
      Record<string, unknown>;
    return checks.find(({ name }) => name === 'claude code');
  };
  const good = await check();
  assert.equal(good?.status, 'ok', JSON.stringify(good));
  const [, index = ''] = /arrived \(entry (\d+)\)/.exec(good?.detail ?? '') ?? [];
  const entry = home.entries()[Number(index)];
  assert.deepEqual(entry?.metadata, { hook: 'TallyTest' });

  const status = (await home.tally(['status', '--json'], { env })).json() as {
    hooks: { installed: { assurance: string }[]; served: { last?: string } };
  };
  assert.equal(status.hooks.installed[0]?.assurance, 'enforced');
  assert.ok(status.hooks.served.last !== undefined);

  const file = join(home.directory, 'claude', 'settings.json');
  const text = read(file);
  writeFileSync(file, text.replaceAll('"onFailure": "block"', '"onFailure": "continue"'));
  assert.match((await check())?.detail ?? '', /lets tools run/);
});
