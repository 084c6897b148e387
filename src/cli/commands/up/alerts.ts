/** What `tally up` brings for alerts: its standard error, and a program of its own that verifies the log. */
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import type { AlertOptions } from '../../../open/options.ts';
import type { Message } from '../../../sink/driver.ts';
import type { Context } from '../../context.ts';
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { formatRecent } from '../../output/time.ts';

export function alertsOf(context: Context): Pick<AlertOptions, 'write' | 'verify'> {
  return {
    write: (message) => void context.stderr.line(alertLine(message, context.now(), context.stderr.style)),
    verify: (signal) => verifyApart(context, signal),
  };
}

/** `14:02:11 ALERT warning new-host: bot used the host evil.example for the first time (tally log show 812)` */
export function alertLine({ about, ts }: Message, now: number, style: Style): string {
  const at = style.dim(formatRecent(ts, now, { utc: false }).slice(0, 8));
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

/** In a process of its own at low priority: it takes a core for as long as the log is large. */
async function verifyApart(
  { env }: Context,
  signal: AbortSignal,
): Promise<{ verdict: 'pass' | 'fail'; words: string } | undefined> {
  const program = process.argv[1];
  if (program === undefined) return undefined;
  const child = spawn(process.execPath, [program, 'verify', '--json'], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
  });
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    if (text.length < MOST_REPORT) text += part;
  });
  const code = await new Promise<number | null>((resolve) => {
    // Also when it is aborted, or could not be started: then nothing was found out.
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
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
