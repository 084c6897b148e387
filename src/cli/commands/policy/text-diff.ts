/** Two texts line by line (Myers 1986), and what is around the lines that differ. */

export interface DiffLine {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/** Edits that are looked for one by one; of texts that differ more, one stands whole below the other. */
const EDITS = 1_000;
const AROUND = 3;

/** Undefined: more differs than is looked for. */
function script(a: readonly string[], b: readonly string[]): readonly DiffLine[] | undefined {
  const trace: Int32Array[] = [];
  const most = Math.min(a.length + b.length, EDITS);
  let v = new Int32Array(2 * most + 2);
  for (let d = 0; d <= most; d++) {
    trace.push(v.slice());
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (v[most + k - 1] ?? 0) < (v[most + k + 1] ?? 0));
      let x = down ? (v[most + k + 1] ?? 0) : (v[most + k - 1] ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      v[most + k] = x;
      if (x >= a.length && x - k >= b.length) return walkBack(a, b, trace, most);
    }
    v = v.slice();
  }
  return undefined;
}

function walkBack(
  a: readonly string[],
  b: readonly string[],
  trace: readonly Int32Array[],
  most: number,
): readonly DiffLine[] {
  const out: DiffLine[] = [];
  let [x, y] = [a.length, b.length];
  for (let d = trace.length - 1; d >= 0; d--) {
    const v = trace[d] ?? new Int32Array(0);
    const k = x - y;
    const down = k === -d || (k !== d && (v[most + k - 1] ?? 0) < (v[most + k + 1] ?? 0));
    const before = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : (v[most + before] ?? 0);
    const fromY = d === 0 ? 0 : fromX - before;
    while (x > fromX && y > fromY && x > 0 && y > 0) out.push({ mark: ' ', text: a[--x] ?? '' }) && y--;
    if (d === 0) break;
    if (down) out.push({ mark: '+', text: b[--y] ?? '' });
    else out.push({ mark: '-', text: a[--x] ?? '' });
  }
  return out.reverse();
}

export function diffLines(a: string, b: string): readonly DiffLine[] {
  const [before, after] = [a.split('\n'), b.split('\n')];
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before.at(-1 - tail) === after.at(-1 - tail)
  )
    tail++;
  const same = (lines: readonly string[]): DiffLine[] => lines.map((text) => ({ mark: ' ', text }));
  const [x, y] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  const middle = script(x, y) ?? [
    ...x.map((text) => ({ mark: '-' as const, text })),
    ...y.map((text) => ({ mark: '+' as const, text })),
  ];
  return [...same(before.slice(0, head)), ...middle, ...same(tail === 0 ? [] : before.slice(-tail))];
}

/** Lines that differ with three around them; undefined stands for what is left out. */
export function hunks(lines: readonly DiffLine[]): readonly (DiffLine | undefined)[] {
  const near = new Set<number>();
  for (const [i, { mark }] of lines.entries())
    if (mark !== ' ') for (let j = i - AROUND; j <= i + AROUND; j++) near.add(j);
  const out: (DiffLine | undefined)[] = [];
  for (const [i, line] of lines.entries()) {
    if (near.has(i)) out.push(line);
    else if (near.has(i - 1) || (i === 0 && near.size > 0)) out.push(undefined);
  }
  if (out.at(-1) === undefined) out.pop();
  return out;
}
