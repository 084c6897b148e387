import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from './home.ts';

const POLICY = `version: "1"
allowlist: [api.example.com]
roles: { clerk: { scopes: [crm.read, crm.write] } }
users:
  u_17: { email: ada@example.com, roles: [member, clerk] }
`;

test('a token is issued for a user, passed on by its holder and ended with its parent, by the command', async (t) => {
  const home = makeHome(t);
  const init = await home.tally(['init', '--json']);
  writeFileSync((init.json() as { policy_file: string }).policy_file, POLICY);
  await home.tally(['agent', 'register', 'orchestrator', '--description', 'plans']);
  const stranger = await home.tally(['agent', 'token', 'issue', 'orchestrator', '--user', 'u_71']);
  assert.deepEqual([stranger.code, stranger.error().code], [3, 'NOT_FOUND']);
  const bounds = ['--scope', 'crm.read', '--scope', 'crm.write', '--tool', 'crm.*'];
  const issued = await home.tally([
    ...['agent', 'token', 'issue', 'orchestrator', '--user', 'u_17', '--expires', '2h', ...bounds, '--json'],
  ]);
  const parent = issued.json() as { token: string; token_id: string };

  const env = { TALLY_AGENT_TOKEN: parent.token };
  const narrower = ['--scope', 'crm.read', '--expires', '1h', '--json'];
  const first = await home.tally(['agent', 'token', 'delegate', 'researcher', ...narrower], { env });
  assert.equal(first.code, 0, first.stderr);
  const child = first.json() as { token: string; token_id: string; chain: string[] };
  assert.deepEqual(child.chain, ['orchestrator']);
  const piped = await home.tally(['agent', 'token', 'delegate', 'writer', '--json'], {
    stdin: `${child.token}\n`,
  });
  assert.deepEqual((piped.json() as { chain: string[] }).chain, ['orchestrator', 'researcher']);
  const wider = await home.tally(['agent', 'token', 'delegate', 'x', '--scope', 'crm.write'], {
    stdin: child.token,
  });
  assert.deepEqual([wider.code, wider.error().code], [4, 'STOPPED']);
  assert.match(wider.error().message, /researcher does not have scope crm\.write/);
  const nothing = await home.tally(['agent', 'token', 'delegate', 'x'], { stdin: '' });
  assert.deepEqual([nothing.code, nothing.error().code], [2, 'USAGE']);

  const shown = await home.tally(['agent', 'show', 'writer', '--json']);
  const { agents, tokens } = shown.json() as { agents: unknown[]; tokens: Record<string, unknown>[] };
  const { token_id: id, issued_at: _at, expires_at: _end, ...told } = tokens[0] ?? {};
  assert.deepEqual([agents, tokens.length], [[], 1]);
  assert.deepEqual(told, {
    kind: 'agent',
    tenant_id: 'local',
    agent_id: 'writer',
    status: 'live',
    user_id: 'u_17',
    scopes: ['crm.read'],
    contract: { tools: ['crm.*'] },
    parent: child.token_id,
    chain: ['orchestrator', 'researcher'],
  });
  const text = await home.tally(['agent', 'show', String(id)]);
  for (const line of [/^user +u_17$/m, /^scopes +crm\.read$/m, /^passed on by +orchestrator, researcher$/m])
    assert.match(text.stdout, line);

  assert.equal((await home.tally(['agent', 'token', 'revoke', parent.token_id])).code, 0);
  const list = await home.tally(['agent', 'token', 'list', '--json']);
  const rows = (list.json() as { tokens: { agent_id: string; status: string; last_used?: string }[] }).tokens;
  assert.deepEqual(
    rows.map(({ agent_id, status, last_used }) => [agent_id, status, last_used !== undefined]),
    [
      ['orchestrator', 'revoked', true],
      ['researcher', 'revoked', true],
      ['writer', 'revoked', false],
    ],
  );
  const table = (await home.tally(['agent', 'list'])).stdout;
  assert.match(table, /^AGENT +TOKEN +STATUS +USER +EXPIRES +USED +VIA +SCOPES$/m);
  assert.match(table, /^writer +agt_\w+ +revoked +u_17 .* orchestrator > researcher +crm\.read$/m);

  const said = [issued, first, piped, wider, shown, list].map(({ stderr }) => stderr).join('');
  const log = JSON.stringify(home.entries());
  for (const { token } of [parent, child]) {
    assert.ok(!said.includes(token) && !log.includes(token.split('.')[1] ?? ''));
  }
  assert.equal((await home.tally(['verify'])).code, 0);
});

test('a run is kept to a user and to less than the user may, and says so in the log', async (t) => {
  const home = makeHome(t);
  const init = await home.tally(['init', '--json']);
  writeFileSync((init.json() as { policy_file: string }).policy_file, POLICY);
  const script = join(home.directory, 'agent.sh');
  writeFileSync(script, 'printf %s "$TALLY_RUN_TOKEN"');
  const run = ['run', '-q', '--agent', 'coder', '--user', 'u_17', '--scope', 'crm.read', '--tool', 'crm.*'];
  const done = await home.tally([...run, '--', 'sh', script]);
  assert.equal(done.code, 0, done.stderr);
  const [start] = home.entries('run.start');
  const { actor, metadata } = start as unknown as {
    actor: Record<string, unknown>;
    metadata: Record<string, unknown>;
  };
  assert.deepEqual(
    [actor.agent_id, actor.user, actor.role, actor.delegation_chain],
    ['coder', { id: 'u_17', email: 'ada@example.com' }, 'member', []],
  );
  assert.deepEqual(
    [metadata.user_id, metadata.scopes, metadata.contract],
    ['u_17', ['crm.read'], { tools: ['crm.*'] }],
  );
  const late = await home.tally(['agent', 'token', 'delegate', 'helper'], { stdin: done.stdout });
  assert.deepEqual([late.code, late.error().code], [4, 'STOPPED'], 'the run is over, and so is its token');
});

test('a run that is kept to less is not handed the token that has more', async (t) => {
  const home = makeHome(t);
  await home.tally(['init']);
  await home.tally(['agent', 'register', 'coder']);
  const issued = await home.tally(['agent', 'token', 'issue', 'coder', '--json']);
  const env = { TALLY_AGENT_TOKEN: (issued.json() as { token: string }).token };
  const script = join(home.directory, 'agent.sh');
  writeFileSync(script, 'test -z "$TALLY_AGENT_TOKEN" && printf less || printf all');
  const all = await home.tally(['run', '-q', '--', 'sh', script], { env });
  const less = await home.tally(['run', '-q', '--scope', 'crm.read', '--', 'sh', script], { env });
  assert.deepEqual([all.stdout, less.stdout], ['all', 'less']);
  const [first, second] = home.entries('run.start') as unknown as { actor: Record<string, unknown> }[];
  for (const run of [first, second])
    assert.deepEqual([run?.actor.agent_id, run?.actor.identity_level], ['coder', 'issued']);
});
