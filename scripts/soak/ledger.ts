/** What the log says of the soak, by kind of call: read from its bytes. */

import type { Json } from '../../src/core/json.ts';
import { textAt } from '../../src/core/query/fields.ts';
import { lineText, scanEntries } from '../../src/recorder/lines.ts';
import { fileReader } from '../../src/store/file/reader.ts';

export interface Ledger {
  readonly entries: number;
  /** pre_exec by kind and decision. */
  readonly begun: { readonly [what: string]: number };
  /** post_exec by kind and status of the outcome. */
  readonly ended: { readonly [what: string]: number };
  /** What is against the rules: an end without a beginning, a second end, a beginning that never ended. */
  readonly wrong: readonly string[];
}

/** Errors are told, but not without end. */
const TOLD = 20;

export async function readLedger(directory: string): Promise<Ledger> {
  const begun: Record<string, number> = {};
  const ended: Record<string, number> = {};
  const wrong: string[] = [];
  const open = new Map<string, string>();
  let entries = 0;
  const say = (what: string): void => {
    if (wrong.length < TOLD) wrong.push(what);
  };
  await scanEntries(fileReader(directory), 0, Number.POSITIVE_INFINITY, (line, index) => {
    entries++;
    const entry = JSON.parse(lineText(line)) as Json;
    if (textAt(entry, 'type') !== 'http.call') return;
    const host = textAt(entry, 'action', 'target', 'host');
    const path = textAt(entry, 'action', 'target', 'path') ?? '';
    const kind = host === 'blocked.example' ? 'blocked' : (path.split('/')[1] ?? '');
    const id = textAt(entry, 'id') ?? '';
    const parent = textAt(entry, 'parent_id') ?? '';
    switch (textAt(entry, 'phase')) {
      case 'pre_exec': {
        const what = `${kind} ${textAt(entry, 'decision', 'outcome')}`;
        begun[what] = (begun[what] ?? 0) + 1;
        open.set(id, kind);
        break;
      }
      case 'post_exec': {
        const what = `${kind} ${textAt(entry, 'outcome', 'status')}`;
        ended[what] = (ended[what] ?? 0) + 1;
        if (!open.delete(parent)) say(`entry ${index} ends ${parent}, which is not open`);
        break;
      }
      default:
        say(`entry ${index} is of no call that was made`);
    }
  });
  for (const [id, kind] of open) say(`${id} (${kind}) never ended`);
  return { entries, begun, ended, wrong };
}
