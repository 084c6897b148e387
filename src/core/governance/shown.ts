/**
 * What a person who is asked for an approval gets to see of the arguments: a bounded part of them, redacted, and how much
 * of it is hidden. Arguments can be megabytes; what is looked at is not much more than what is shown.
 */

import { encodeUtf8 } from '../bytes.ts';
import { canonicalize } from '../canonical.ts';
import { LIMITS } from '../limits.ts';
import type { Redactor } from '../redact/redact.ts';

export interface Shown {
  /** Canonical JSON, perhaps only its beginning. Absent: nothing of it can be shown. */
  readonly arguments?: string;
  /** Values that redaction replaced. */
  readonly hidden: number;
  /** Characters of texts, and members and items, that are not shown because there are too many. */
  readonly left_out?: number;
}

/** Characters of one text. */
const TEXT_CHARS = 1_024;
/** What of one text is searched for secrets: one may begin in what is shown and end behind it. */
const LOOKED_AT = TEXT_CHARS + LIMITS.secretMaxBytes;
/** Members and items in all. */
const NODES = 512;
const DEPTH = 16;
const MARK = '…';

interface Budget {
  chars: number;
  nodes: number;
  leftOut: number;
}

/** A copy that is small enough to be redacted. */
function bounded(value: unknown, budget: Budget, depth: number): unknown {
  budget.nodes--;
  switch (typeof value) {
    case 'string': {
      budget.chars -= Math.min(value.length, TEXT_CHARS);
      budget.leftOut += Math.max(0, value.length - LOOKED_AT);
      return value.slice(0, LOOKED_AT);
    }
    case 'number':
      budget.chars -= 8;
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      budget.chars -= 4;
      return value;
    case 'object':
      if (value === null) return value;
      if (depth > 0)
        return Array.isArray(value) ? items(value, budget, depth) : members(value, budget, depth);
  }
  budget.leftOut++;
  return MARK;
}

const isSpent = ({ chars, nodes }: Budget): boolean => chars <= 0 || nodes <= 0;

function items(list: readonly unknown[], budget: Budget, depth: number): unknown[] {
  const out: unknown[] = [];
  for (let i = 0; i < list.length; i++) {
    if (isSpent(budget)) {
      budget.leftOut += list.length - i;
      break;
    }
    out.push(bounded(list[i], budget, depth - 1));
  }
  return out;
}

function members(from: object, budget: Budget, depth: number): object {
  const out: [string, unknown][] = [];
  const names = Object.keys(from).sort();
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? '';
    if (isSpent(budget) || name.length > TEXT_CHARS) {
      budget.leftOut += isSpent(budget) ? names.length - i : 1;
      if (isSpent(budget)) break;
      continue;
    }
    budget.chars -= name.length;
    out.push([name, bounded((from as Record<string, unknown>)[name], budget, depth - 1)]);
  }
  return Object.fromEntries(out);
}

/** After redaction. */
function cut(value: unknown, budget: Budget): unknown {
  if (typeof value === 'string') {
    if (value.length <= TEXT_CHARS) return value;
    budget.leftOut += value.length - TEXT_CHARS;
    return `${value.slice(0, TEXT_CHARS).toWellFormed()}${MARK}`;
  }
  if (Array.isArray(value)) return value.map((item) => cut(item, budget));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, cut(item, budget)]));
}

/** How many bytes a text takes inside an entry. */
const inEntry = (text: string): number => encodeUtf8(JSON.stringify(text)).length;

/** Never throws: what cannot be shown is not, and the request says so. */
export function showArguments(value: unknown, redactor: Pick<Redactor, 'redactValue'>): Shown | undefined {
  if (value === undefined) return undefined;
  try {
    const budget: Budget = { chars: LIMITS.approvalShownBytes, nodes: NODES, leftOut: 0 };
    const { value: safe, count } = redactor.redactValue({ value: bounded(value, budget, DEPTH) });
    let text = canonicalize(cut((safe as { readonly value: unknown }).value, budget));
    while (inEntry(text) > LIMITS.approvalShownBytes) {
      const keep = Math.floor((text.length * LIMITS.approvalShownBytes) / inEntry(text)) - 1;
      budget.leftOut += text.length - keep;
      text = `${text.slice(0, keep).toWellFormed()}${MARK}`;
    }
    return { arguments: text, hidden: count, ...(budget.leftOut === 0 ? {} : { left_out: budget.leftOut }) };
  } catch {
    // Arguments of a caller in plain JavaScript that throw when they are read: the person is told that nothing is shown.
    return { hidden: 0 };
  }
}
