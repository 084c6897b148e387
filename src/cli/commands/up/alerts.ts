/** What `tally up` brings for alerts: its standard error, and a program of its own that verifies the log. */
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { z } from 'zod';
import type { AlertOptions } from '../../../open/options.ts';
import type { Message } from '../../../sink/driver.ts';
import type { Context } from '../../context.ts';
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { formatRecent } from '../../output/time.ts';

export function alertsOf(context: Context): Pick<AlertOptions, 'write' | 'verify' | 'drift'> {
  return {
    write: (message) => void context.stderr.say(alertLine(message, context.now(), context.stderr.style)),
    verify: (signal) => verifyApart(context, signal),
    drift: (signal) => driftApart(context, signal),
  };
}

/** `14:02:11 ALERT warning new-host: bot used the host evil.example for the first time (tally log show 812)` */
export function alertLine({ about, ts }: Message, now: number, style: Style): string {
  const at = style.dim(formatRecent(ts, now, { utc: false }).slice(0, 8));
  if ('asked' in about) {
    const { action, agent = 'somebody' } = about.asked;
    return `${at} ${style.yellow('APPROVAL')} ${safe(agent)} asks for ${safe(action)}${style.dim(' (tally approvals list)')}`;
  }
  if ('closed' in about) {
    const { rule, subject, why } = about.closed;
    return `${at} ${style.dim(`alert over (${why}): ${safe(rule)}, ${safe(subject)}`)}`;
  }
  const { severity, rule, message, evidence, test } = about.raised;
  const paint = severity === 'critical' ? style.red : severity === 'warning' ? style.yellow : style.bold;
  const show = evidence.at(-1);
  const where = show === undefined ? '' : style.dim(` (tally log show ${show})`);
  return `${at} ${paint(`ALERT ${severity}`)} ${safe(rule)}: ${test ? 'TEST: ' : ''}${safe(message)}${where}`;
}

const TAMPERING_SHOWN = 6;

/** In a process of its own at low priority: what it takes a core for must not keep calls waiting. */
async function apart(
  { env }: Context,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly text: string } | undefined> {
  const program = process.argv[1];
  if (program === undefined) return undefined;
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
  });
  try {
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already, or this may not be set: then it competes.
  }
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    if (text.length < MOST_REPORT) text += part;
  });
  const code = await new Promise<number | null>((resolve) => {
    // Also when it is aborted, or could not be started: then nothing was found out.
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  return { code, text };
}

async function verifyApart(
  context: Context,
  signal: AbortSignal,
): Promise<{ verdict: 'pass' | 'fail'; words: string } | undefined> {
  const { code, text } = (await apart(context, ['verify', '--json'], signal)) ?? { code: null, text: '' };
  if (code === TAMPERING_SHOWN) return { verdict: 'fail', words: wordsOf(text) };
  // Incomplete is no tampering: what is missing has rules of its own.
  return code === 0 || code === 7 ? { verdict: 'pass', words: '' } : undefined;
}

const MOST_REPORT = 1024 * 1024;

/** The note of the first verdict that failed. */
function wordsOf(text: string): string {
  try {
    const report = JSON.parse(text) as Readonly<
      Record<string, { status?: unknown; note?: unknown } | undefined>
    >;
    for (const [name, part] of Object.entries(report))
      if (part?.status === 'fail') return `${name.replaceAll('_', '-')}: ${String(part.note ?? 'it failed')}`;
  } catch {
    // The exit code says enough.
  }
  return 'tally verify shows tampering';
}

const OverviewSchema = z.object({
  agents: z.array(
    z.object({
      agent: z.string(),
      highest: z
        .object({
          kind: z.string(),
          subject: z.string(),
          score: z.number(),
          words: z.string(),
          evidence: z.array(z.number()),
        })
        .optional(),
    }),
  ),
});

/** The most unusual thing about each agent. The log is named, since a look of the recorder itself is no reading to record. */
async function driftApart(
  context: Context,
  signal: AbortSignal,
): ReturnType<NonNullable<AlertOptions['drift']>> {
  const { directory } = await context.openReader();
  const run = await apart(context, ['baseline', '--json', '--dir', directory], signal);
  if (run === undefined || run.code !== 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(run.text);
  } catch {
    // Larger than what is taken of it.
    return undefined;
  }
  return OverviewSchema.safeParse(value).data?.agents.flatMap(({ agent, highest }) => {
    if (highest === undefined) return [];
    const { kind: deviation, ...rest } = highest;
    return [{ agent, deviation, ...rest }];
  });
}
