/**
 * What a test file tells the runner: one JSON line per event, in a file of its own so that whatever the tests print
 * cannot be taken for it. Loaded by node through --test-reporter.
 */
import { inspect } from 'node:util';

/** One line. `running` and `ended` tell which tests a hung file was in; the other three are the results. */
export interface Line {
  readonly kind: 'running' | 'ended' | 'pass' | 'fail' | 'skip';
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly error?: string;
}

interface Details {
  readonly type?: string;
  readonly error?: Error & { readonly failureType?: string; readonly cause?: unknown };
}
interface Data {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string;
  readonly line?: number;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details?: Details;
}
interface Event {
  readonly type: string;
  readonly data: Data;
}

/** A failed assertion's message holds its diff; of the stack only the frames outside node itself help. */
function explain(details: Details | undefined): string {
  const cause = details?.error?.cause ?? details?.error;
  if (!(cause instanceof Error)) return inspect(cause);
  const frames = (cause.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !line.includes('node:') && !line.includes('node_modules'))
    .slice(0, 4);
  const deeper = cause.cause === undefined ? [] : [`  cause: ${inspect(cause.cause)}`];
  return [`${cause.name}: ${cause.message}`, ...frames, ...deeper].join('\n');
}

function toLine(event: Event, path: string[]): Line | undefined {
  const { data } = event;
  switch (event.type) {
    case 'test:start':
      path.length = data.nesting;
      path.push(data.name);
      return undefined;
    case 'test:dequeue':
      return { kind: 'running', name: data.name };
    case 'test:complete':
      return { kind: 'ended', name: data.name };
    case 'test:pass':
    case 'test:fail': {
      const place = {
        name: [...path.slice(0, data.nesting), data.name].join(' › '),
        ...(data.file === undefined ? {} : { file: data.file }),
        ...(data.line === undefined ? {} : { line: data.line }),
      };
      if (event.type === 'test:fail') {
        // A suite whose tests failed has been told of through them.
        if (data.details?.error?.failureType === 'subtestsFailed') return undefined;
        return { kind: 'fail', ...place, error: explain(data.details) };
      }
      if (data.details?.type === 'suite') return undefined;
      const off = (data.skip ?? false) !== false || (data.todo ?? false) !== false;
      return { kind: off ? 'skip' : 'pass', ...place };
    }
    default:
      return undefined;
  }
}

export default async function* reporter(events: AsyncIterable<Event>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const event of events) {
    const line = toLine(event, path);
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}
