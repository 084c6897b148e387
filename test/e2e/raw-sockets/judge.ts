/**
 * Holds the log against what upstreams counted. Nothing that reached one may be missing in the log, nothing that the log
 * calls answered may have missed it, and every call that began has exactly one end.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { UNREAD } from './upstreams.ts';

export interface Verdict {
  readonly entries: number;
  /** Allowed and begun. */
  readonly calls: number;
  /** Of these, how many the upstream had. */
  readonly hits: number;
  /** Begun, and over before the upstream had them: none of them ended as answered. */
  readonly endedEarly: number;
  readonly stopped: number;
  readonly problems: readonly string[];
}

interface Line {
  readonly id?: string;
  readonly type?: string;
  readonly phase?: string;
  readonly parent_id?: string;
  readonly action?: { readonly name?: string; readonly target?: { readonly path?: string } };
  readonly decision?: { readonly outcome?: string };
  readonly outcome?: { readonly status?: string };
}

const TOLD = 20;

interface Path {
  begun: number;
  answered: number;
}

/** `file`: all entries, one a line, oldest first. `secret` stands in none of them. */
export async function judge(
  file: string,
  hits: ReadonlyMap<string, number>,
  secret: string,
): Promise<Verdict> {
  const paths = new Map<string, Path>();
  const open = new Map<string, string>();
  const problems: string[] = [];
  let entries = 0;
  let calls = 0;
  let stopped = 0;
  const problem = (text: string): void => void problems.push(text);

  for await (const text of createInterface({ input: createReadStream(file) })) {
    if (text.includes(secret)) problem(`the credential is in entry ${entries}`);
    const { id = '', type, phase, parent_id = '', action, decision, outcome } = JSON.parse(text) as Line;
    entries++;
    if (type !== 'http.call') continue;
    const path = action?.name === 'http.connect' ? UNREAD : (action?.target?.path ?? '');
    if (phase === 'pre_exec') {
      if (decision?.outcome !== 'allow') {
        stopped++;
        continue;
      }
      calls++;
      const at = paths.get(path) ?? { begun: 0, answered: 0 };
      at.begun++;
      paths.set(path, at);
      open.set(id, path);
    } else if (phase === 'post_exec') {
      const begun = open.get(parent_id);
      if (begun === undefined) continue;
      open.delete(parent_id);
      const at = paths.get(begun);
      if (at !== undefined && outcome?.status === 'ok') at.answered++;
    } else stopped++;
  }
  for (const [path, count] of hits) {
    const begun = paths.get(path)?.begun ?? 0;
    if (count > begun) problem(`${path} reached the upstream ${count} times and is on record ${begun} times`);
  }
  for (const [path, { answered }] of paths) {
    const count = hits.get(path) ?? 0;
    if (answered > count)
      problem(`${path} is on record as answered ${answered} times; the upstream had it ${count} times`);
  }
  for (const path of open.values()) problem(`a call of ${path} has no end`);
  const total = [...hits.values()].reduce((sum, count) => sum + count, 0);
  return {
    entries,
    calls,
    hits: total,
    endedEarly: calls - total,
    stopped,
    problems: problems.slice(0, TOLD),
  };
}
