/**
 * The published clients of AgentSecrets themselves, unchanged, where this machine has them: AGENTSECRETS_PYTHON is a Python
 * that has the package `agentsecrets` (3.0.0), AGENTSECRETS_JS the `dist/index.js` of `@the-17/agentsecrets-sdk` (0.1.0).
 * What they rely on is held without them by test/capture/proxy/statuses.test.ts and test/cli/install.test.ts.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { shimText } from '../../src/cli/commands/install/shim-text.ts';
import { readyHome } from '../cli/home.ts';

const PYTHON = process.env.AGENTSECRETS_PYTHON ?? 'python3';
const JS = process.env.AGENTSECRETS_JS;

function hasPython(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import agentsecrets, requests, httpx'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A broker that runs, and a PATH on which its clients find their command. Resolves to what the program prints. */
async function scene(t: TestContext) {
  const { home, upstream, secret } = await readyHome(t);
  const bin = join(home.directory, 'bin');
  mkdirSync(bin);
  const program = new URL('../../bin/tally.js', import.meta.url).pathname;
  writeFileSync(join(bin, 'agentsecrets'), shimText(process.execPath, program), { mode: 0o755 });
  const { url } = await home.up();
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    TALLY_HOME: home.directory,
    XDG_RUNTIME_DIR: join(home.directory, 'r'),
    TALLY_UI_PORT: '0',
    AGENTSECRETS_PORT: new URL(url).port,
    UPSTREAM: upstream.url,
  };
  return {
    home,
    upstream,
    secret,
    run: async (file: string, args: readonly string[]) => {
      const { stdout } = await promisify(execFile)(file, args, { env });
      assert.ok(!stdout.includes(secret));
      return JSON.parse(stdout) as Record<string, unknown>;
    },
  };
}

const IN_PYTHON = `
import asyncio, json, os
import agentsecrets, httpx, requests
from agentsecrets import AgentSecrets, credential, init
U = os.environ['UPSTREAM']; PORT = int(os.environ['AGENTSECRETS_PORT'])
c = AgentSecrets(port=PORT)
def failed(f):
    try: f(); return 'no error'
    except Exception as e: return [type(e).__name__, getattr(e, 'domain', None) or getattr(e, 'key', None) or getattr(e, 'status_code', None)]
out = {}
r = c.call(U + '/echo', bearer='KEY'); out['call'] = [r.status_code, r.json()['authorization'], r.redacted]
r = c.call(U + '/echo', method='POST', body={'n': 1}, body_field={'a.b': 'KEY'}); out['body'] = r.json()['body']
out['agent'] = AgentSecrets(port=PORT, agent='billing').call(U + '/echo', bearer='KEY').status_code
out['stopped'] = failed(lambda: c.call('https://other.example/', bearer='KEY'))
out['missing'] = failed(lambda: c.call(U, bearer='NOBODY'))
out['upstream'] = failed(lambda: c.call(U + '/status/500', bearer='KEY'))
s = c.spawn(['sh', '-c', 'test -n "$KEY" && echo "$1"; exit 3', 'sh', 'a b']); out['spawn'] = [s.exit_code, s.stdout]
out['keys'] = [k.key for k in c.secrets.list()]
st = c.proxy.status(port=PORT); out['status'] = [st.running, st.project]
init(port=PORT)
H = {'Authorization': 'Bearer ' + credential.KEY}
out['requests'] = requests.get(U + '/echo', headers=H).json()['authorization']
out['httpx'] = httpx.get(U + '/echo', headers=H).json()['authorization']
async def later():
    async with httpx.AsyncClient() as client: return (await client.get(U + '/echo', headers=H)).json()['authorization']
out['async'] = asyncio.run(later())
print(json.dumps(out))
`;

test('the Python SDK calls, fails, spawns, lists and intercepts as it does with its own proxy', {
  skip: !hasPython() && 'AGENTSECRETS_PYTHON names no Python that has the package agentsecrets',
}, async (t) => {
  const { run, home } = await scene(t);
  const masked = 'Bearer [REDACTED:KEY]';
  assert.deepEqual(await run(PYTHON, ['-c', IN_PYTHON]), {
    call: [200, masked, true],
    body: '{"n":1,"a":{"b":"[REDACTED:KEY]"}}',
    agent: 200,
    stopped: ['DomainNotAllowed', 'other.example'],
    missing: ['SecretNotFound', 'NOBODY'],
    upstream: ['UpstreamError', 500],
    spawn: [3, 'a b\n'],
    keys: ['KEY'],
    status: [true, 'local'],
    requests: masked,
    httpx: masked,
    async: masked,
  });
  const agents = home.entries('http.call').map(({ actor }) => (actor as { agent_id?: string }).agent_id);
  assert.ok(agents.includes('billing'));
  assert.equal((await home.tally(['verify'])).code, 0);
});

const IN_JAVASCRIPT = `
const { AgentSecrets } = await import(process.argv[1]);
const U = process.env.UPSTREAM, c = new AgentSecrets(), out = {};
const failed = (options) => c.call(options).then(() => 'no error', (e) => [e.name, e.domain ?? e.key ?? e.statusCode]);
const r = await c.call({ url: U + '/echo', bearer: 'KEY', agentId: 'bot' });
out.call = [r.statusCode, r.json().authorization, r.redacted];
out.form = (await c.call({ url: U + '/echo', method: 'POST', formField: { k: 'KEY' } })).json().body;
out.stopped = await failed({ url: 'https://other.example/', bearer: 'KEY' });
out.missing = await failed({ url: U, bearer: 'NOBODY' });
out.upstream = await failed({ url: U + '/status/500', bearer: 'KEY' });
out.status = await c.proxyStatus();
const s = await c.spawn({ command: ['--url', U + '/hello', '--bearer', 'KEY'] });
out.spawn = [s.exitCode, s.stdout];
console.log(JSON.stringify(out));
`;

test('the JavaScript SDK calls, fails and spawns as it does with its own proxy', {
  skip: JS === undefined && 'AGENTSECRETS_JS names no dist/index.js of @the-17/agentsecrets-sdk',
}, async (t) => {
  const { run, home } = await scene(t);
  const done = await run(process.execPath, ['--input-type=module', '-e', IN_JAVASCRIPT, '--', JS ?? '']);
  const { status, ...rest } = done;
  assert.equal((status as { running: boolean }).running, true);
  assert.deepEqual(rest, {
    call: [200, 'Bearer [REDACTED:KEY]', true],
    form: 'k=[REDACTED:KEY]',
    stopped: ['DomainNotAllowed', 'other.example'],
    missing: ['SecretNotFound', 'NOBODY'],
    upstream: ['UpstreamError', 500],
    spawn: [0, 'HTTP 200\n\nhello\n'],
  });
  assert.equal((await home.tally(['verify'])).code, 0);
});
