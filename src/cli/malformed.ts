/** Where lines stand that are no entries, and why they are none: for people who have to look at the file. */
import { LIMITS } from '../core/limits.ts';
import type { LogReader } from '../core/ports.ts';
import { parseLine } from '../core/query/line.ts';
import type { Malformed } from '../core/query/scan.ts';

const NEWLINE = 0x0a;
const LONGEST = LIMITS.entryBytes * 2;

/** Of those places that are there and can be read. Each costs what reading one line of its segment costs. */
export async function locateMalformed(
  reader: LogReader,
  places: readonly number[],
): Promise<readonly (Malformed & { readonly index: number })[]> {
  const firsts = (await reader.segments()).map(({ first }) => first);
  const found: (Malformed & { readonly index: number })[] = [];
  for (const index of places) {
    const first = firsts.findLast((start) => start <= index);
    const located = first === undefined ? undefined : await locate(reader, first, index);
    if (first === undefined || located === undefined) continue;
    found.push({ first, index, offset: located.offset, why: whyOf(located) });
  }
  return found;
}

interface Located {
  readonly offset: number;
  readonly bytes: number;
  /** undefined when it is longer than an entry can be. */
  readonly line: Buffer | undefined;
}

function whyOf({ line, bytes }: Located): string {
  if (line === undefined) return `${bytes} bytes, longer than an entry can be`;
  const parsed = parseLine(line);
  return 'malformed' in parsed ? parsed.malformed : 'not an entry when it was indexed';
}

async function locate(reader: LogReader, first: number, wanted: number): Promise<Located | undefined> {
  const near = await reader.seek(first, wanted);
  let { index, offset } = near;
  let parts: Buffer[] = [];
  let bytes = 0;
  // Damage of a sealed segment is passed over: what cannot be read is told by `tally verify`.
  for await (const raw of reader.read(first, near.offset, () => undefined)) {
    const block = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
    let at = 0;
    for (let end = block.indexOf(NEWLINE); end !== -1; end = block.indexOf(NEWLINE, at)) {
      if (index === wanted) {
        const line = Buffer.concat([...parts, block.subarray(at, end)]);
        const length = bytes + end - at;
        return { offset, bytes: length, line: length > LONGEST ? undefined : line };
      }
      offset += bytes + end - at + 1;
      bytes = 0;
      index++;
      at = end + 1;
    }
    bytes += block.length - at;
    if (index === wanted && bytes <= LONGEST) parts.push(Buffer.from(block.subarray(at)));
    else parts = [];
  }
  return undefined;
}
