/** The example agent with Vercel's AI SDK, and an unchanged program under tallystick/auto; and what then stands in the log. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Played, play } from '../../examples/frameworks/ai-sdk.ts';
import { ANSWER } from '../../examples/frameworks/story.ts';
import { entriesIn } from '../fault/check.ts';
import { collect, type Home, makeHome } from '../support/home.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Stored {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly phase: string;
  readonly run_id?: string;
  readonly step_id?: string;
  readonly parent_id?: string;
  readonly action?: { readonly name: string; readonly key: string };
  readonly decision?: { readonly outcome: string; readonly rule?: string };
  readonly outcome?: { readonly status: string; readonly usage?: object };
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly source: { readonly surface: string; readonly assurance: string };
}

const fromSdk = (home: Home): readonly Stored[] =>
  (entriesIn(home.paths.state) as unknown as readonly Stored[]).filter(
    ({ source }) => source.surface === 'sdk',
  );

const shape = (entries: readonly Stored[]): readonly string[] =>
  entries.map(({ type, action, decision, outcome }) =>
    [type, action?.name, decision?.outcome, outcome?.status].filter((one) => one !== undefined).join(' '),
  );

const MODEL = ['model.call scripted-1', 'model.response scripted-1 ok'];
const STORY = [
  'run.start',
  'system.instruction',
  'user.message',
  ...MODEL,
  'tool.call order_find allow',
  'tool.result order_find ok',
  ...MODEL,
  'tool.call refund_create stop',
  'tool.result refund_create blocked',
  ...MODEL,
  'tool.call refund_create allow',
  'tool.result refund_create ok',
  ...MODEL,
  'run.end ok',
];

async function filesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  return names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
}

describe('the example agent with the AI SDK', () => {
  let home: Home;
  let played: Played;
  let entries: readonly Stored[] = [];
  before(async () => {
    home = await makeHome();
    await mkdir(home.paths.state, { recursive: true, mode: 0o700 });
    played = await play(home.paths.state);
    entries = fromSdk(home);
  });
  after(() => home.remove());

  it('tells the same story whole and streamed, and the shop did what the log says', () => {
    assert.deepEqual([played.answer, played.streamed], [ANSWER, ANSWER]);
    const runs = [...new Set(entries.map(({ run_id }) => run_id))];
    assert.equal(runs.length, 2);
    for (const run of runs) assert.deepEqual(shape(entries.filter(({ run_id }) => run_id === run)), STORY);
    const done = ['found o_7', 'refunded 100'];
    assert.deepEqual(played.done, [...done, ...done]);
    assert.equal(entries.find(({ decision }) => decision?.outcome === 'stop')?.decision?.rule, 'big-refund');
  });

  it('has every end at its beginning, steps without a gap, and says what was held and what was told', () => {
    const begun = new Map(entries.map((entry) => [entry.id, entry]));
    for (const entry of entries) {
      const { type, phase, source, parent_id, metadata } = entry;
      assert.equal(source.assurance, /^(tool|run)\./.test(type) ? 'enforced' : 'self_reported', type);
      if (phase === 'post_exec') {
        const before = begun.get(parent_id ?? '');
        assert.deepEqual(
          [before?.phase, before?.step_id, before?.action?.key],
          ['pre_exec', entry.step_id, entry.action?.key],
        );
      } else if (!/^run\./.test(type)) {
        assert.equal(begun.get(parent_id ?? '')?.type, 'run.start');
        assert.match(String(metadata?.operation), /^ai\.(generate|stream)Text$/);
      }
    }
    for (const { id, run_id } of entries.filter(({ type }) => type === 'run.start')) {
      assert.ok(id);
      const steps = entries.filter((one) => one.run_id === run_id && one.phase !== 'post_exec');
      const numbers = steps.flatMap(({ step_id }) => step_id ?? []);
      assert.deepEqual(
        numbers,
        numbers.map((_number, i) => String(i + 1)),
      );
    }
    const answers = entries.filter(({ type }) => type === 'model.response');
    assert.deepEqual(answers[0]?.outcome?.usage, { input_tokens: 20, output_tokens: 7 });
    assert.equal(answers.length, 8);
  });

  it('keeps the card of its customer to itself, in every file', async () => {
    const files = await filesIn(home.directory);
    assert.ok(files.length > 10);
    for (const file of files) {
      const bytes = await readFile(file);
      for (const card of ['4111 1111', '4111111111111111']) assert.ok(!bytes.includes(card), file);
    }
    const message = entries.find(({ type }) => type === 'user.message');
    const { stdout } = await home.tally(['log', 'show', String(message?.index), '--payload']);
    assert.match(stdout, /My card is \[REDACTED:card\], please/);
  });

  it('is told as its README tells it, verifies, and is decided the same again', async () => {
    const readme = await readFile(join(ROOT, 'examples/frameworks/README.md'), 'utf8');
    for (const { action, decision } of entries)
      if (decision !== undefined) assert.match(readme, new RegExp(`${action?.name} +${decision.outcome}`));
    const { code, stdout } = await home.tally(['verify', '--completeness']);
    assert.equal(code, 0, stdout);
    const replayed = await home.tally(['log', 'replay']);
    assert.match(replayed.stdout, /agree +6 decisions/);
  });
});

describe('a program under tallystick/auto', () => {
  it('is recorded and decided as it is; what passes the integrations by is heard, and said to be', async (t) => {
    const home = await makeHome();
    t.after(() => home.remove());
    await mkdir(home.paths.state, { recursive: true, mode: 0o700 });
    const frameworks = join(ROOT, 'examples/frameworks');
    await cp(join(frameworks, 'policy.yaml'), join(home.paths.state, 'tally.policy.yaml'));
    const at = (name: string): string => pathToFileURL(join(frameworks, name)).href;
    const program = join(home.directory, 'app.mjs');
    await writeFile(
      program,
      `
      import { serveModel } from '${at('model.ts')}';
      import { agent } from '${at('ai-sdk.ts')}';
      import { openShop, SCRIPT } from '${at('story.ts')}';
      import { generateText } from '${pathToFileURL(join(ROOT, 'node_modules/ai/dist/index.js')).href}';
      const shop = openShop();
      for (const telemetry of [undefined, { integrations: [] }]) {
        const model = await serveModel(SCRIPT);
        const { text } = await generateText({ ...agent(model.url, shop), telemetry });
        console.log(text);
        await model.close();
      }
      console.log(shop.done.join());`,
    );
    const { code, stdout, stderr } = await collect(
      spawn(process.execPath, ['--import', 'tallystick/auto', program], {
        cwd: ROOT,
        env: home.env,
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    );
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    assert.equal(
      stdout,
      `${ANSWER}\n${ANSWER}\nfound o_7,refunded 100,found o_7,refunded 140,refunded 100\n`,
    );
    const entries = fromSdk(home);
    const runs = [...new Set(entries.map(({ run_id }) => run_id))];
    const [held, heard] = runs.map((run) => entries.filter(({ run_id }) => run_id === run));
    assert.equal(runs.length, 2);
    assert.deepEqual(shape(held ?? []), STORY);
    // Nothing of it could be stopped, and nobody claims it.
    assert.deepEqual(
      shape(heard ?? []),
      STORY.map((line) => line.replace(/ (allow|stop)$/, '').replace('blocked', 'ok')),
    );
    for (const { type, source, metadata, decision } of heard ?? []) {
      if (/^run\./.test(type)) continue;
      assert.deepEqual([source.assurance, decision], ['self_reported', undefined]);
      if (!/result|response/.test(type)) assert.equal(metadata?.heard_on, 'ai:telemetry');
    }
    assert.equal((await home.tally(['verify', '--completeness'])).code, 0);
  });
});
