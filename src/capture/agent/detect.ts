/**
 * Who is calling, as far as the environment tells. What is found here is `inferred`: it is recorded, and it makes
 * operator actions refuse, but it never raises an identity level. An agent that hides its environment is not found, so
 * this is a tripwire and no boundary.
 */
import { SIGNALS } from './signals.ts';

export interface DetectedAgent {
  readonly agent: string;
  /** What matched: names of variables, never their values. At most 16. */
  readonly signals: string[];
}

export interface Observed {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What @vercel/detect-agent found. It looks at files too, so it can find an agent without a variable. */
  readonly library?: string | undefined;
}

/** `Client.detected` of src/recorder/ops.ts holds as many. */
const MOST_SIGNALS = 16;
const NAME_CHARS = 64;

/** The first of equals decides the name; every match is named as a signal. */
export function detectAgent({ env, library }: Observed): DetectedAgent | undefined {
  const declared = cleanName(env.AI_AGENT);
  const matched = SIGNALS.filter(({ variable, value }) => {
    const found = env[variable];
    return found !== undefined && found !== '' && (value === undefined || value === found);
  });
  const agent = declared ?? cleanName(library) ?? matched[0]?.agent;
  if (agent === undefined) return undefined;
  const signals = [
    ...(declared === undefined ? [] : ['env:AI_AGENT']),
    ...matched.map(({ variable }) => `env:${variable}`),
  ];
  return { agent, signals: signals.length === 0 ? ['library:detect-agent'] : signals.slice(0, MOST_SIGNALS) };
}

/** A name comes from the environment of whoever calls: what would break a line, a table or a terminal is taken out. */
function cleanName(text: string | undefined): string | undefined {
  const name = (text ?? '')
    .trim()
    .replace(/[^\w.:@/ -]/g, '_')
    .slice(0, NAME_CHARS);
  return name === '' ? undefined : name;
}
