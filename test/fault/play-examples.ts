/**
 * Plays every example that has a `play(home)` with secrets in everything that it says, asks, does and answers, and a bare
 * program beside them. What to plant, and where to, comes on standard input; on standard output, behind a mark, stands
 * what was played. With `off` nothing is redacted, so that a search for the secrets can be seen to find them.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
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
/** Nobody plays them by a home: they have a recorder of their own, or none. Their own tests are beside this one. */
const OTHERWISE: ReadonlySet<string> = new Set(['browser-verify', 'otlp', 'python', 'refund']);
/** What may be missing: its licence does not let it be brought along. */
const MAY_BE_MISSING = '@anthropic-ai/claude-agent-sdk';

/** In the sources of the examples, as they are loaded. */
const REPLACED: readonly (readonly [string, string])[] = [
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

const NOT_REDACTED = `
export function createRedactor(options) {
  const same = (value) => ({ value, count: 0, rules: {} });
  const bytes = (entry) => encodeUtf8(serializeEntry(entry));
  return { ...ownRedactor(options), setSecret: () => true, redactEntry: bytes, redact: same, redactValue: same, redactText: same };
}`;

const given = JSON.parse(await text(process.stdin)) as Planting;
const { planted, known, directory } = given;
Object.assign(globalThis, {
  planted,
  fails(order: unknown) {
    if (order === 'o_fails') throw new Error(planted.error);
  },
});
for (const [name, value] of Object.entries(known)) process.env[`SHOP_${name}`] = value;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (url.startsWith(EXAMPLES.href)) {
      const source = REPLACED.reduce((all, [from, to]) => all.replaceAll(from, to), String(loaded.source));
      return { ...loaded, source };
    }
    if (given.off && url.endsWith('/src/core/redact/redact.ts')) {
      const source = String(loaded.source).replace(
        'export function createRedactor(',
        'function ownRedactor(',
      );
      return { ...loaded, source: source + NOT_REDACTED };
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
  const vault = vaultOf(paths);
  for (const [key, value] of Object.entries(known)) await vault.set(key, Buffer.from(value));
  vault.close();
  return home;
}

/** Paths below examples/, without their ending. */
function examples(): readonly string[] {
  const folders = readdirSync(fileURLToPath(EXAMPLES)).filter((name) => !OTHERWISE.has(name));
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

const played: PlayedExample[] = [await bare()];
for (const name of examples()) played.push(await playOne(name));
process.stdout.write(`\nPLAYED ${JSON.stringify(played)}\n`);
