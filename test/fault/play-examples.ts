/**
 * Plays every example that has a `play(home)` with secrets in everything that it says, asks, does and answers, and a bare
 * program beside them. What to plant, and where to, comes on standard input; on standard output, behind a mark, stands
 * what was played. With `off` nothing is redacted, so that a search for the secrets can be seen to find them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface Planting {
  readonly off: boolean;
  /** Gets a home for each. */
  readonly directory: string;
  /** What stands in each place. */
  readonly planted: Readonly<Record<Place, string>>;
  /** Values that the machine knows, by their names. */
  readonly known: Readonly<Record<string, string>>;
}

export type Place = 'prompt' | 'instructions' | 'argument' | 'result' | 'answer' | 'error';

export interface PlayedExample {
  readonly name: string;
  readonly home: string;
  /** The package that is not there. */
  readonly skipped?: string;
  /** What it rejected with: an example may end with the error of its tool. */
  readonly error?: string;
}

const EXAMPLES = new URL('../../examples/', import.meta.url);
/**
 * Not played by a home alone. `python` and `otlp` send to a recorder that runs, below; `refund` says nothing but amounts, to
 * a recorder of its own; `browser-verify` records nothing.
 */
const OTHERWISE: ReadonlySet<string> = new Set(['browser-verify', 'otlp', 'python', 'refund']);
/** What may be missing: its licence does not let it be brought along. */
const MAY_BE_MISSING = '@anthropic-ai/claude-agent-sdk';

/** In the sources of the examples, as they are loaded. */
const REPLACED: readonly (readonly [string, string])[] = [
  ["new RangeError('more than was paid')", 'new RangeError(globalThis.planted.error)'],
  ["{ text: 'I refunded 140.' }", '{ text: globalThis.planted.answer }'],
  ["'My order o_7 broke. My card is 4111 1111 1111 1111, please refund 140.'", 'globalThis.planted.prompt'],
  ["'You are kind, and you look before you promise.'", 'globalThis.planted.instructions'],
  ["'asked for by kim@example.com'", 'globalThis.planted.argument'],
  ["order: 'o_7'", 'order: globalThis.planted.argument'],
  ["state: 'delivered'", 'state: globalThis.planted.result'],
  ["receipt: 'rc_1'", 'receipt: globalThis.planted.result'],
  [
    '  { text: ANSWER },',
    "  { text: globalThis.planted.answer, tools: [{ name: 'order_find', args: { order: 'o_fails' } }] },\n  { text: ANSWER },",
  ],
  [
    "    { text: 'I refunded",
    "    { text: globalThis.planted.answer, tool: { name: 'order.find', args: { order: 'o_fails' } } },\n    { text: 'I refunded",
  ],
  ["'I refunded 100; a colleague will look at the rest.'", 'globalThis.planted.answer'],
  ['      done.push(`found', '      globalThis.fails(order);\n      done.push(`found'],
  [
    'findOrder: ({ order }: Args) => ({ order,',
    'findOrder: ({ order }: Args) => ({ at: globalThis.fails(order), order,',
  ],
];

const given = JSON.parse(await text(process.stdin)) as Planting;
const { planted, known, directory } = given;
Object.assign(globalThis, {
  planted,
  fails(order: unknown) {
    if (order === 'o_fails') throw new Error(planted.error);
  },
});
for (const [name, value] of Object.entries(known)) process.env[`SHOP_${name}`] = value;

if (given.off) await import('./not-redacted.ts');
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (url.startsWith(EXAMPLES.href)) {
      const source = REPLACED.reduce((all, [from, to]) => all.replaceAll(from, to), String(loaded.source));
      return { ...loaded, source };
    }
    return loaded;
  },
});

const { createTally } = await import('../../src/sdk.ts');
const { makeHome } = await import('../../src/home.ts');
const { vaultOf } = await import('../../src/open/vault.ts');
const { locate } = await import('../../src/paths.ts');

async function homeOf(name: string): Promise<string> {
  const home = join(directory, name.replaceAll('/', '-'));
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const paths = locate({
    env: { ...process.env, TALLY_HOME: home },
    home,
    tmp: home,
    uid: process.getuid?.() ?? 0,
  });
  await makeHome(paths);
  // Those of programs that send over HTTP are not kept where nobody says so.
  writeFileSync(paths.configFile, 'payloads: { keep: { "*": redacted } }\n');
  const vault = vaultOf(paths);
  for (const [key, value] of Object.entries(known)) await vault.set(key, Buffer.from(value));
  vault.close();
  return home;
}

/** Paths below examples/, without their ending. */
function examples(): readonly string[] {
  const folders = readdirSync(fileURLToPath(EXAMPLES), { withFileTypes: true })
    .filter((one) => one.isDirectory() && !OTHERWISE.has(one.name))
    .map(({ name }) => name);
  const files = folders.flatMap((name) =>
    name === 'frameworks'
      ? readdirSync(fileURLToPath(new URL(`${name}/`, EXAMPLES)))
          .filter((file) => /^[^.]+\.ts$/.test(file) && !HELPERS.has(file))
          .map((file) => `${name}/${file}`)
      : [`${name}/run.ts`],
  );
  return files.sort();
}
const HELPERS: ReadonlySet<string> = new Set(['model.ts', 'story.ts', 'claude-api.ts']);

async function playOne(name: string): Promise<PlayedExample> {
  const home = await homeOf(name);
  let play: (home: string) => Promise<unknown>;
  try {
    ({ play } = (await import(new URL(name, EXAMPLES).href)) as { play: typeof play });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(MAY_BE_MISSING))
      return { name, home, skipped: MAY_BE_MISSING };
    throw error;
  }
  try {
    await play(home);
    return { name, home };
  } catch (error) {
    return { name, home, error: error instanceof Error ? error.name : typeof error };
  }
}

/** Everything that can be told of a run, by a program that protects what it knows. */
async function bare(): Promise<PlayedExample> {
  const home = await homeOf('bare');
  writeFileSync(
    join(home, 'tally.policy.yaml'),
    'version: "1"\nallowlist: []\nidentity: { anonymous: allow, declared: allow }\n',
  );
  const tally = createTally({ agent: 'bare', home, transport: 'embedded' });
  for (const [name, value] of Object.entries(known)) tally.protect(name, value);
  const { prompt, instructions, argument, result, answer, error } = planted;
  await tally.run(
    { workflow: 'bare', reason: prompt, metadata: { prompt }, risk: { prompt } },
    async (run) => {
      run.systemInstruction(instructions);
      run.userMessage(prompt, { metadata: { [prompt.slice(0, 200)]: prompt }, reason: prompt });
      run.modelResponse(run.modelCall({ model: 'm', input: [{ content: prompt }], params: { argument } }), {
        output: answer,
      });
      run.toolResult(run.toolCall({ name: 'look', args: { argument } }), { error: new Error(error) });
      run.retrievalResult(run.retrievalQuery({ source: 'faq', query: argument }), {
        output: [result, Buffer.from(result)],
      });
      run.humanApproval({ what: argument.slice(0, 200), approved: true, by: prompt.slice(0, 200) });
      run.decision({ what: 'which', chosen: result, why: answer });
      run.policyCheck({ name: 'tone', result: 'pass', details: new Map([[argument, new Set([result])]]) });
      run.custom('handover', { result });
      run.error(Object.assign(new Error(error), { code: error.slice(0, 60) }));
      await run.act({ name: 'pay', args: { argument }, reason: argument }, () => ({ result }));
      await run
        .act({ name: 'fail', args: argument }, () => Promise.reject(new Error(error)))
        .catch(() => undefined);
    },
  );
  await tally.close();
  return { name: 'bare', home };
}

/** With the real command as the recorder. */
async function sent(
  name: string,
  send: (url: string, home: string) => Promise<unknown>,
): Promise<PlayedExample> {
  const home = await homeOf(name);
  const up = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../bin/tally.js', import.meta.url)), 'up', '--port', '0', '--json'],
    {
      env: {
        ...process.env,
        TALLY_HOME: home,
        TALLY_UI_PORT: '0',
        ...(given.off
          ? { NODE_OPTIONS: `--import ${new URL('not-redacted.ts', import.meta.url).href}` }
          : {}),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(up, 'exit');
  try {
    const line = await new Promise<string>((resolve, reject) => {
      let said = '';
      up.stdout.on('data', (part: Buffer) => {
        said += part;
        if (said.includes('\n')) resolve(said.split('\n', 1)[0] ?? '');
      });
      up.once('exit', () => reject(new Error('the recorder ended')));
    });
    await send(new URL((JSON.parse(line) as { api_url: string }).api_url).origin, home);
    return { name, home };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { name, home, skipped: 'python3' };
    throw error;
  } finally {
    up.kill('SIGTERM');
    await ended;
  }
}

/** In the source of the example in Python. */
const IN_PYTHON: readonly (readonly [string, string])[] = [
  ['import tally\n', 'import json, tally\nplanted = json.load(open(__file__ + ".json"))\n'],
  ['"how did we sell in May?"', 'planted["prompt"]'],
  ['"which tool?"', 'planted["instructions"]'],
  ['call.output = "sales.query"', 'call.output = planted["answer"]'],
  ['{"month": "2026-05"}', '{"month": planted["argument"]}'],
  [
    '        total = 1250\n',
    '        total = 1250\n    with run.tool("look", {"at": planted["argument"]}) as tool:\n        tool.output = planted["result"]\n',
  ],
  [
    '    try:\n',
    '    try:\n        with run.act("fails") as act:\n            raise ValueError(planted["error"])\n    except ValueError:\n        pass\n    try:\n',
  ],
];

async function python(url: string, home: string): Promise<void> {
  const folder = new URL('python/', EXAMPLES);
  const source = readFileSync(fileURLToPath(new URL('agent.py', folder)), 'utf8');
  const script = join(home, '..', 'agent.py');
  writeFileSync(
    script,
    IN_PYTHON.reduce((all, [from, to]) => all.replaceAll(from, to), source),
  );
  writeFileSync(`${script}.json`, JSON.stringify(planted));
  const child = spawn('python3', ['-B', script], {
    env: { ...process.env, TALLY_URL: url, PYTHONPATH: fileURLToPath(folder) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`python3 ended with ${code}`);
}

async function otlp(url: string): Promise<void> {
  const { play } = (await import(new URL('otlp/run.ts', EXAMPLES).href)) as {
    play: (endpoint: string, secret: string) => Promise<string>;
  };
  await play(url, planted.result);
}

const played: PlayedExample[] = [await bare(), await sent('python', python), await sent('otlp', otlp)];
for (const name of examples()) played.push(await playOne(name));
process.stdout.write(`\nPLAYED ${JSON.stringify(played)}\n`);
