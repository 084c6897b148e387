/**
 * The real command behind its real port, many odd connections at once, and two upstreams that count. With `kills` the
 * broker is killed at random moments on the way, and started again.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { placeholderFor } from '../../../src/capture/proxy/placeholder.ts';
import { collect, type Home, makeHome, until } from '../../support/home.ts';
import type { World } from './bytes.ts';
import { carryOut } from './caller.ts';
import { judge, type Verdict } from './judge.ts';
import { type Plan, plans } from './plans.ts';
import { startUpstreams, type Upstreams } from './upstreams.ts';

export interface AttackOptions {
  readonly connections: number;
  readonly atOnce: number;
  readonly seed: number;
  /** Kills the broker so many times on the way. */
  readonly kills?: number;
  readonly say: (text: string) => void;
}

export interface Attacked extends Verdict {
  readonly connections: number;
  /** Of the broker at its end, MiB; 0 where that is not to be had. */
  readonly rssMiB: number;
}

const EVERY = 5_000;
const READY_MS = 60_000;
/** So long after its connection began a kill comes at most: into the midst of calls. */
const LATEST_KILL_MS = 60;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function makeReady(
  home: Home,
  { plainPort, tlsPort, rawPort, ca }: Upstreams,
  secret: string,
): Promise<void> {
  assert.equal((await home.tally(['init'])).code, 0);
  const authority = join(home.directory, 'upstream.pem');
  await writeFile(authority, ca);
  await writeFile(
    home.paths.policyFile,
    `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist:
  - { host: 127.0.0.1, port: ${plainPort}, http: true, internal: true }
  - { host: localhost, port: ${tlsPort}, internal: true, ca: "${authority}" }
tunnel: [{ host: 127.0.0.1, port: ${rawPort}, internal: true }]
`,
  );
  assert.equal((await home.tally(['secrets', 'set', 'KEY'], { input: secret })).code, 0);
}

interface Up {
  readonly child: ChildProcess;
  readonly output: () => string;
}

async function startUp(home: Home, port: number): Promise<Up> {
  const child = home.start(['up', '--port', String(port)]);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (part: Buffer) => (text += part.toString()));
  await until(() => healthOf(port), `the broker: ${text}`, READY_MS);
  return { child, output: () => text };
}

async function healthOf(port: number): Promise<true | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(5_000) });
    return ((await response.json()) as { status?: string }).status === 'ok' ? true : undefined;
  } catch {
    return undefined;
  }
}

/** A run that lasts as long as the attack; its token is what programs of it send. */
async function startRun(home: Home): Promise<{ readonly token: string; readonly child: ChildProcess }> {
  const child = home.start(['run', '-q', '--', 'sh', '-c', 'echo "$TALLY_RUN_TOKEN"; cat > /dev/null']);
  let text = '';
  child.stdout?.on('data', (part: Buffer) => (text += part.toString()));
  const token = await until(() => /^(\S+)\n/.exec(text)?.[1], 'the token of the run', READY_MS);
  return { token, child };
}

function residentMiB(pid: number | undefined): number {
  try {
    const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kib) / 1024);
  } catch {
    return 0;
  }
}

async function stop({ child }: Up): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  return ended;
}

export async function attack(options: AttackOptions): Promise<Attacked> {
  const { connections, atOnce, seed, kills = 0, say } = options;
  const home = await makeHome();
  const upstreams = await startUpstreams();
  const secret = randomBytes(24).toString('hex');
  try {
    await makeReady(home, upstreams, secret);
    const brokerPort = await freePort();
    let up = await startUp(home, brokerPort);
    const run = await startRun(home);
    const world: World = {
      plainPort: upstreams.plainPort,
      tlsPort: upstreams.tlsPort,
      rawPort: upstreams.rawPort,
      brokerPort,
      runToken: run.token,
      placeholder: placeholderFor(run.token, 'KEY'),
      foreign: placeholderFor(`${run.token}x`, 'KEY'),
    };
    const killAt = new Set(fc.sample(fc.integer({ min: 1, max: connections - 1 }), { seed, numRuns: kills }));
    const problems: string[] = [];
    let next = 0;
    let restarting: Promise<void> | undefined;
    let batch: readonly Plan[] = [];

    function planOf(connection: number): Plan {
      const at = connection % EVERY;
      if (at === 0) batch = fc.sample(plans, { seed: seed + connection, numRuns: EVERY });
      return batch[at] as Plan;
    }

    async function killOnce(): Promise<void> {
      const ended = new Promise((resolve) => up.child.once('close', resolve));
      up.child.kill('SIGKILL');
      await ended;
      up = await startUp(home, brokerPort);
    }

    async function worker(): Promise<void> {
      while (next < connections) {
        const connection = next++;
        const plan = planOf(connection);
        if (killAt.has(connection)) {
          // The others go on meanwhile: calls are cut at whatever point they are.
          const before = restarting ?? Promise.resolve();
          restarting = before.then(() => pause(connection % LATEST_KILL_MS)).then(killOnce);
        }
        let came = await carryOut(plan, connection, world);
        while (!came.connected && restarting !== undefined) {
          await restarting;
          came = await carryOut(plan, connection, world);
        }
        const { bytes, hung, altered = false } = came;
        if (altered) problems.push(`what passed unread on connection ${connection} was altered`);
        if (hung && kills === 0)
          problems.push(`connection ${connection} was not answered: ${JSON.stringify(plan)}`);
        if (bytes.includes(secret)) problems.push(`connection ${connection} was sent the credential`);
        if (up.child.exitCode !== null && kills === 0)
          throw new Error(
            `the broker ended with ${up.child.exitCode} at connection ${connection}\n${up.output()}`,
          );
        if ((connection + 1) % EVERY === 0)
          say(
            `${connection + 1} connections, ${residentMiB(up.child.pid)} MiB, ${upstreams.hits.size} paths reached an upstream`,
          );
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker));
    await restarting;

    await until(() => healthOf(brokerPort), 'the broker to be well afterwards', READY_MS);
    const rssMiB = residentMiB(up.child.pid);
    run.child.stdin?.end();
    await new Promise((resolve) => run.child.once('close', resolve));
    const code = await stop(up);
    if (code !== 0 && code !== 143) problems.push(`the broker ended with ${code}:\n${up.output()}`);
    if (/bug of Tallystick/.test(up.output())) problems.push(`a call met a bug:\n${up.output()}`);

    const file = join(home.directory, 'all.jsonl');
    const exported = await collect(home.start(['log', 'export', '--no-snapshots', '--out', file]));
    assert.equal(exported.code, 0, exported.stderr);
    const verdict = await judge(file, upstreams.hits, secret);
    const verified = await home.tally(['verify']);
    if (verified.code !== 0) problems.push(`verify ends with ${verified.code}: ${verified.stderr}`);
    return { ...verdict, connections, rssMiB, problems: [...problems, ...verdict.problems] };
  } finally {
    await home.remove();
    await upstreams.close();
  }
}
