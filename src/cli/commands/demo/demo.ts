import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { invariant } from '../../../core/error.ts';
import { numberAt, textAt } from '../../../core/query/fields.ts';
import { locate, type Paths } from '../../../paths.ts';
import { openReader } from '../../../reader.ts';
import type { Context } from '../../context.ts';
import { verdictLines } from '../../output/verdicts.ts';
import { readLog } from '../../reading.ts';
import { verifyDirectory } from '../../verifying.ts';
import { AGENT_SCRIPT } from './agent-script.ts';
import { type DemoServer, startServer } from './server.ts';
import { createStage, demoEnvironment, Interrupted, type Stage } from './stage.ts';
import { type Trick, tricks } from './tamper.ts';

const AGENT = 'bookkeeper';
const BREATH = 700;
const READ = 1200;
const INTERRUPTED = 130;

export async function demo(context: Context, keep: boolean): Promise<void> {
  const stop = AbortSignal.any([context.interrupted(), context.stdout.gone]);
  const home = await mkdtemp(join(tmpdir(), 'tally-demo-'));
  const server = await startServer();
  try {
    const env = demoEnvironment(context, home, { DEMO_SERVER: server.url });
    const stage = createStage(context, { env, home }, stop);
    const paths = locate({ env, home, tmp: home, uid: process.getuid?.() ?? 0 });
    await perform(context, stage, paths, server);
    await farewell(context, keep ? home : undefined);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    context.exit(INTERRUPTED);
  } finally {
    await server.close();
    if (!keep) await rm(home, { recursive: true, force: true });
  }
}

async function perform(context: Context, stage: Stage, paths: Paths, server: DemoServer): Promise<void> {
  const { bold, dim } = context.stdout.style;
  await context.stdout.line(bold('Tallystick: the flight recorder for AI agents'));
  await stage.text(
    dim('A real server, a real agent, a real log, in a temporary directory. Nothing of yours is touched.'),
  );
  await stage.pause(READ);

  await stage.heading('Nothing is allowed until somebody says so');
  await stage.tally(['policy', 'allow', server.host, '--http', '--internal']);
  await stage.pause(BREATH);

  await stage.heading('A credential goes into the vault; the agent will know its name only');
  const secret = `demo_${randomBytes(18).toString('base64url')}`;
  await stage.tally(['secrets', 'set', 'PAYMENTS_KEY'], {
    stdin: secret,
    shown: 'secrets set PAYMENTS_KEY < key.txt',
  });
  // What somebody would put back later to hide what follows.
  const log = join(paths.logs, 'local');
  const older = join(paths.state, 'older');
  await cp(log, older, { recursive: true });
  await stage.pause(BREATH);

  await stage.heading('The agent works: every call is decided before it starts, and recorded');
  const script = join(paths.state, 'agent.mjs');
  await writeFile(script, AGENT_SCRIPT);
  const reason = 'close the books of November';
  await stage.tally(['run', '--agent', AGENT, '--reason', reason, '--', process.execPath, script], {
    shown: `run --agent ${AGENT} --reason "${reason}" -- node agent.mjs`,
  });
  await stage.text(
    dim('The last answer held the credential itself: the broker took it out before the agent saw it.'),
  );
  await stage.pause(READ);

  const { stopped, failed } = await findCalls(log);
  await stage.heading('What happened, from the log');
  await stage.tally(['log', 'list', '--agent', AGENT]);
  await stage.pause(READ);

  await stage.heading('Why one of them was stopped');
  await stage.tally(['log', 'show', String(stopped)]);
  await stage.pause(READ);

  await stage.heading('Proof that nothing was altered');
  await stage.tally(['verify']);
  await stage.pause(READ);

  await stage.heading('Now falsify it, four ways, each on a copy');
  for (const trick of tricks({ failed, stopped, older })) {
    await attempt(context, stage, paths, trick);
    await stage.pause(READ);
  }
  await stage.text();
  await stage.text(
    dim('Whoever also rewrites what this machine remembers (heads/), or holds its key, is shown only by a'),
  );
  await stage.text(dim('checkpoint that was kept elsewhere: tally verify --head FILE.'));
}

/** Places in the log that the tricks are about. */
async function findCalls(directory: string): Promise<{ readonly stopped: number; readonly failed: number }> {
  let stopped: number | undefined;
  let failed: number | undefined;
  const reading = await readLog(directory, {
    filter: { agent: AGENT, types: ['http.call'] },
    raw: false,
    limit: 100,
  });
  for await (const { call } of reading.hits()) {
    if (textAt(call.first, 'decision', 'outcome') === 'stop') stopped = numberAt(call.first, 'index');
    if (numberAt(call.last, 'outcome', 'status_code') === 500) failed = numberAt(call.last, 'index');
  }
  invariant(stopped !== undefined && failed !== undefined, 'the agent of the demo made its calls');
  return { stopped, failed };
}

async function attempt(context: Context, stage: Stage, paths: Paths, trick: Trick): Promise<void> {
  const { bold, cyan, dim, green } = context.stdout.style;
  const copy = join(paths.state, 'copy');
  await rm(copy, { recursive: true, force: true });
  await cp(join(paths.logs, 'local'), copy, { recursive: true });
  await trick.apply(copy);
  await stage.text();
  await stage.text(bold(trick.title));
  const report = await verifyDirectory(openReader(paths, { log: copy }), {
    current: false,
    keys: [],
    heads: [],
    completeness: false,
    writerLives: async () => undefined,
    onProgress: () => undefined,
  });
  await stage.text(`${dim('$')} ${cyan('tally verify --dir copy')}`);
  for (const line of verdictLines(report, context.stdout.style)) {
    if (line.includes('✗')) await stage.text(line);
  }
  invariant(report.exit_code === 6, 'the demo shows tampering that is caught');
  await stage.text(green('caught: exit code 6'));
}

async function farewell(context: Context, home: string | undefined): Promise<void> {
  const { stdout } = context;
  const { bold, dim, cyan } = stdout.style;
  await stdout.line();
  await stdout.line(bold('That is all of it. Your turn:'));
  const rows = [
    ['tally up', 'start the broker (and leave it running)'],
    ['tally policy allow api.example.com', 'let agents call a host'],
    ['tally secrets set EXAMPLE_KEY', 'give it a credential to use in their name'],
    ['tally run -- YOUR-AGENT', 'record an agent'],
    ['tally log tail', 'watch'],
  ] as const;
  for (const [line, what] of rows) await stdout.line(`   ${cyan(line.padEnd(36))} ${dim(what)}`);
  if (home !== undefined)
    await stdout.line(dim(`   The demo's home is ${home}: TALLY_HOME=${home} tally log list`));
}
