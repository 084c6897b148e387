/** The matrix: every system call of the program on files of the log × every fault, and what has to hold after each. */
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Acknowledged, problemsOf } from './check.ts';
import type { Script } from './scripts.ts';
import { type Call, FAULTS, type Fault, type Places, runTraced } from './trace.ts';

const JUDGE = fileURLToPath(new URL('judge.ts', import.meta.url));
const JUDGE_HANGS_AFTER_MS = 60_000;
/** A burst that the timer cuts in two shifts the numbers of temporary names: then the fault hits nothing, or too much. */
const ATTEMPTS = 8;

export const SCENES = ['make', 'pooled', 'threaded', 'torn', 'begun', 'sealing', 'rotating'] as const;
export type Scene = (typeof SCENES)[number];

export interface Case {
  readonly scene: Scene;
  readonly call: Call;
  readonly fault: Fault;
}

export interface Result {
  readonly case: string;
  /** What became of the program: it said why it ended, was killed, or went on as if nothing had happened. */
  readonly program: 'ended' | 'killed' | 'went on';
  /** Why the next start was refused, if it was. */
  readonly refused?: string;
  /** Empty: passed. */
  readonly problems: readonly string[];
  /** The fault could not be put where it belongs. Neither passed nor failed. */
  readonly missed?: true;
}

export const nameOf = ({ scene, call, fault }: Case): string =>
  `${scene}: ${call.syscall} ${call.path} #${call.occurrence} (${call.thread}) ${fault}`;

export interface Stage {
  readonly scene: Scene;
  readonly script: Script;
  readonly options: readonly string[];
  /** What every run of it begins with; undefined: nothing. */
  readonly template: { readonly state: string; readonly acknowledged: readonly Acknowledged[] } | undefined;
  readonly calls: readonly Call[];
}

export interface Workshop {
  /** On a file system in memory: what a fault does to acknowledged entries does not depend on the disk. */
  readonly folder: string;
  readonly cache: string;
}

let made = 0;

async function places(shop: Workshop): Promise<Places & { readonly folder: string }> {
  const folder = join(shop.folder, `run-${process.pid}-${made++}`);
  const state = join(folder, 'state');
  await mkdir(state, { recursive: true });
  return { folder, state, trace: join(folder, 'trace'), cache: shop.cache };
}

export const receipts = (acknowledged: readonly (readonly [number, string])[]): Acknowledged[] =>
  acknowledged.map(([index, id]) => ({ index, id }));

/** Runs of the whole program without a fault, and the places where runs that begin later were cut short. */
export async function prepare(shop: Workshop, scenes: readonly Scene[] = SCENES): Promise<readonly Stage[]> {
  const first = await places(shop);
  const whole = await runTraced('make', first);
  if (!whole.finished) throw new Error(`the program does not run without faults: ${whole.stderr}`);
  const stages: Stage[] = [];
  for (const scene of scenes) {
    if (scene === 'make') {
      stages.push({ scene, script: 'make', options: [], template: undefined, calls: whole.calls });
      continue;
    }
    if (scene === 'pooled' || scene === 'threaded') {
      stages.push(await prepareApart(shop, scene));
      continue;
    }
    const at = await places(shop);
    const cut = await runTraced('make', at, { call: cutOf(scene, whole.calls), fault: 'SIGKILL' });
    if (cut.hit.length === 0) throw new Error(`the program was not cut short for ${scene}`);
    // The socket of the killed process: it is bound to the path of this state, and cannot be copied.
    for (const name of await readdir(at.state))
      if (name.startsWith('tallystick-')) await rm(join(at.state, name), { recursive: true });
    if (scene === 'torn' || scene === 'begun') await tear(join(at.state, 'logs/local/entries'));
    const template = { state: at.state, acknowledged: receipts(cut.acknowledged) };
    const run = await places(shop);
    await cp(template.state, run.state, { recursive: true });
    const again = await runTraced('again', run);
    if (!again.finished) throw new Error(`the program does not go on after ${scene}: ${again.stderr}`);
    stages.push({ scene, script: 'again', options: [], template, calls: again.calls });
    await rm(run.folder, { recursive: true });
  }
  await rm(first.folder, { recursive: true });
  return stages;
}

/** What another thread does than in `make`, and how its calls are known. Only they differ from it. */
const APART = {
  /** A slow disk: flushes of the segment run in the thread pool. */
  pooled: ({ syscall }: Call) => syscall === 'fdatasync',
  /** Bursts: tiles are written in a thread of their own. */
  threaded: ({ path }: Call) => /^logs\/local\/tile\/.*\.n\*\.tmp$/.test(path),
} as const satisfies Partial<Record<Scene, (call: Call) => boolean>>;

async function prepareApart(shop: Workshop, scene: keyof typeof APART): Promise<Stage> {
  const at = await places(shop);
  const options = [scene];
  const { finished, calls, stderr } = await runTraced('make', at, undefined, options);
  if (!finished) throw new Error(`the program does not run ${scene}: ${stderr}`);
  await rm(at.folder, { recursive: true });
  return { scene, script: 'make', options, template: undefined, calls: calls.filter(APART[scene]) };
}

/** Where the run that `scene` goes on from was killed. */
function cutOf(scene: Exclude<Scene, 'make' | keyof typeof APART>, calls: readonly Call[]): Call {
  const is = {
    // The last write, not flushed: then some of it is cut off.
    torn: ({ syscall, path }: Call) => syscall === 'fdatasync' && path.endsWith('256.jsonl'),
    // The first write to a segment, of which less than a line is left.
    begun: ({ syscall, path }: Call) => syscall === 'fdatasync' && path.endsWith('256.jsonl'),
    // Both forms of the segment are there.
    sealing: ({ syscall, path }: Call) => syscall === 'unlink' && path.endsWith('000.jsonl'),
    // The entry is durable and the note is not.
    rotating: ({ syscall, path }: Call) => syscall === 'rename' && path.startsWith('logs/local/keys/'),
  }[scene];
  const found = scene === 'torn' ? calls.filter(is).at(-2) : calls.find(is);
  if (found === undefined) throw new Error(`no place to cut the program short for ${scene}`);
  return found;
}

/** A part of the last line is missing. */
async function tear(entries: string): Promise<void> {
  const last = join(entries, '000000000256.jsonl');
  const bytes = await readFile(last);
  const start = bytes.lastIndexOf(10, -2) + 1;
  await truncate(last, start + Math.floor((bytes.length - start) / 2));
}

/**
 * strace counts for each thread. Where both make a call of one kind on one path, the earlier one gets the fault: the other
 * is out of reach.
 */
export function reachable({ calls }: Stage): readonly Call[] {
  const seen = new Set<string>();
  return calls.filter(({ syscall, path, occurrence }) => {
    const key = `${syscall} ${path} ${occurrence}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

export function casesOf(stage: Stage): readonly Case[] {
  return reachable(stage).flatMap((call) => FAULTS.map((fault) => ({ scene: stage.scene, call, fault })));
}

/** A verifier that shares no code with this project: a directory and a key, an error if anything is wrong. */
interface Outside {
  run(directory: string, vkey: string): Promise<string>;
}

export async function runCase(shop: Workshop, stage: Stage, one: Case, outside?: Outside): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const result = await tryCase(shop, stage, one, outside);
    if (result.missed === undefined || attempt === ATTEMPTS) return result;
  }
}

async function tryCase(
  shop: Workshop,
  stage: Stage,
  one: Case,
  outside: Outside | undefined,
): Promise<Result> {
  const at = await places(shop);
  try {
    if (stage.template !== undefined) await cp(stage.template.state, at.state, { recursive: true });
    const traced = await runTraced(stage.script, at, one, stage.options);
    const problems: string[] = [];
    if (traced.hung) problems.push('the program hung');
    const fits = ({ syscall, path, occurrence, thread }: Call): boolean =>
      syscall === one.call.syscall &&
      path === one.call.path &&
      occurrence === one.call.occurrence &&
      thread === one.call.thread;
    if (!traced.hung && !traced.hit.some(fits))
      return { case: nameOf(one), program: 'went on', problems: [], missed: true };
    const program = traced.signal !== null ? 'killed' : traced.finished ? 'went on' : 'ended';
    if (program === 'ended' && !/^refused: /m.test(traced.stderr))
      problems.push(`the program ended without a reason: ${traced.stderr}`);
    const before = [...(stage.template?.acknowledged ?? []), ...receipts(traced.acknowledged)];
    const published = join(at.folder, 'published');
    const judged = await judge(shop, at.state, outside === undefined ? undefined : published);
    problems.push(...judged.problems);
    if (outside !== undefined) problems.push(...(await verifyOutside(outside, published, at.state)));
    // A start that is refused writes nothing: then only what was acknowledged before is asked for.
    problems.push(...look(at.state, [...before, ...judged.acknowledged], judged.refused === undefined));
    // The fault is over: a log that is then refused was an honest one taken for damaged.
    if (judged.refused !== undefined) problems.push(`the next start was refused: ${judged.refused}`);
    const refused = judged.refused === undefined ? {} : { refused: judged.refused };
    return { case: nameOf(one), program, ...refused, problems };
  } finally {
    await rm(at.folder, { recursive: true, force: true });
  }
}

async function verifyOutside(outside: Outside, published: string, state: string): Promise<readonly string[]> {
  try {
    const info = JSON.parse(await readFile(join(state, 'logs/local/log.json'), 'utf8')) as {
      readonly keys: readonly { readonly vkey: string }[];
    };
    await outside.run(published, info.keys.at(-1)?.vkey ?? '');
    return [];
  } catch (error) {
    return [`the outside verifier: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function look(state: string, acknowledged: readonly Acknowledged[], whole: boolean): readonly string[] {
  try {
    return problemsOf(state, acknowledged, { whole });
  } catch (error) {
    return [`the files of the log cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}

export interface Judged {
  readonly acknowledged: readonly Acknowledged[];
  readonly refused: string | undefined;
  readonly problems: readonly string[];
}

/** In a fresh process: verify, start and append, verify; the published log goes to `publishInto`, if given. */
export async function judge(shop: Workshop, state: string, publishInto?: string): Promise<Judged> {
  const child = spawn(process.execPath, [JUDGE, ...(publishInto === undefined ? [] : [publishInto])], {
    env: {
      PATH: process.env.PATH ?? '',
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      HOME: state,
      TALLY_HOME: state,
      NODE_COMPILE_CACHE: shop.cache,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const bound = setTimeout(() => child.kill('SIGKILL'), JUDGE_HANGS_AFTER_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(bound);
  const shown = output.slice(-1_500);
  const said = output.split('\n').filter((line) => line.startsWith('@'));
  const after = (word: string): string | undefined =>
    said.find((line) => line.startsWith(`@${word} `))?.slice(word.length + 2);
  const refused = after('refused');
  const problems: string[] = [];
  if (code !== 0) problems.push(`the judge ended with ${code}: ${shown}`);
  // Before the next start a log that was never made whole cannot be verified (2) or is not there (3). Nobody tampered: no 6.
  if (!['0', '2', '3'].includes(after('before') ?? ''))
    problems.push(`verify said ${after('before')}: ${shown}`);
  if (refused === undefined ? after('after') !== '0' : after('after') === '6')
    problems.push(`verify after the start said ${after('after')}: ${shown}`);
  if (refused !== undefined && !/"code":"[A-Z_]+".*"hint":"./.test(refused))
    problems.push(`the start was refused without a reason or a hint: ${refused}`);
  if (publishInto !== undefined && after('published') !== '0') problems.push(`publish failed: ${shown}`);
  const acknowledged = said.flatMap((line) => {
    const [, index, id] = /^@acknowledged (\d+) (\S+)$/.exec(line) ?? [];
    return index === undefined || id === undefined ? [] : [{ index: Number(index), id }];
  });
  return { acknowledged, refused, problems };
}
