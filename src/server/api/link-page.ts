/**
 * The page behind an approval link: what is asked, and two buttons. It loads nothing from anywhere, runs no script, and
 * shows what agents wrote as text that cannot pass for anything else.
 */
import { createHash } from 'node:crypto';
import type { ListedApproval } from '../../recorder/governance-ops.ts';

const STYLE = `:root{color-scheme:light dark;--line:#8884;--dim:color-mix(in srgb,CanvasText 68%,Canvas)}
*{box-sizing:border-box}body{margin:0;font:16px/1.45 system-ui,sans-serif;background:Canvas;color:CanvasText}
main{max-width:40rem;margin:0 auto;padding:1.25rem 1rem 2rem}h1{font-size:1.3rem;margin:0 0 .25rem;overflow-wrap:anywhere}
p{margin:.4rem 0}.dim{color:var(--dim);font-size:.875rem}
dl{margin:1rem 0;border-top:1px solid var(--line)}dl>div{padding:.5rem 0;border-bottom:1px solid var(--line)}
dt{color:var(--dim);font-size:.8125rem}dd{margin:0;overflow-wrap:anywhere}
pre{margin:.25rem 0 0;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line);border-radius:.4rem;font:13px/1.4 ui-monospace,monospace;max-height:20rem;overflow:auto}
label{display:block;font-size:.875rem;margin:1rem 0 .25rem}input{width:100%;font:inherit;padding:.6rem;border:1px solid var(--line);border-radius:.4rem;background:Field;color:FieldText}
.row{display:flex;gap:.75rem;margin-top:1rem}button{flex:1;font:inherit;font-weight:600;padding:.8rem;border-radius:.5rem;border:2px solid currentColor;min-height:3rem}
.yes{background:#0b6b2f;color:#fff;border-color:#0b6b2f}.no{background:transparent;color:#c0262d}
.done{font-size:1.1rem;padding:.75rem 0}`;

const HASH = createHash('sha256').update(STYLE).digest('base64');

export const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  // The address is the secret. To this server itself it goes in any case, and without it a form would send no origin.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'X-Robots-Tag': 'noindex, nofollow',
} as const;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** Control characters but line ends, and what turns text around or hides it. */
const HOSTILE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text of others: it shows what it is made of. */
export function shownText(text: string): string {
  return text
    .replace(HOSTILE, (one) =>
      one === '\n' ? one : `\\u${(one.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
    )
    .replace(/[&<>"']/g, (one) => ENTITIES[one] ?? one);
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${shownText(title)}</title><style>${STYLE}</style></head><body><main>${body}</main></body></html>\n`;
}

function row(name: string, value: string | undefined): string {
  return value === undefined || value === '' ? '' : `<div><dt>${name}</dt><dd>${shownText(value)}</dd></div>`;
}

/** Canonical JSON, perhaps cut, over several lines where it is whole. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    // Only its beginning is shown.
    return text;
  }
}

/** `2026-11-21 14:02:11 UTC` */
export function time(ts: string): string {
  return ts.replace(/^(\S+)T(\d\d:\d\d:\d\d)\.\d+Z$/, '$1 $2 UTC');
}

function argumentsOf({ arguments: text, hidden = 0, left_out }: ListedApproval): string {
  const notes = [
    ...(hidden > 0 ? [`${hidden} ${hidden === 1 ? 'value is' : 'values are'} hidden`] : []),
    ...(left_out === undefined ? [] : ['a part is left out because there is too much of it']),
  ];
  const note = notes.length === 0 ? '' : `<p class="dim">${notes.join('; ')}</p>`;
  if (text === undefined) return `<div><dt>Arguments</dt><dd>none can be shown</dd>${note}</div>`;
  return `<div><dt>Arguments</dt><pre>${shownText(pretty(text))}</pre>${note}</div>`;
}

/** A name that nothing proved, or that a delegator gave, is not shown as if it were the agent's own. */
function namedBy({ agent_id, claimed, delegation = [] }: ListedApproval['requester']): string | undefined {
  if (agent_id === undefined) return undefined;
  const notes = [
    ...(claimed === true ? ['a name that nothing proves'] : []),
    ...(delegation.length === 0 ? [] : [`asked by ${delegation.join(', then ')}`]),
  ];
  return notes.length === 0 ? agent_id : `${agent_id} (${notes.join('; ')})`;
}

export function askPage(approval: ListedApproval, approver: string): string {
  const { action, requester, target, rule, message, reason, credentials, requested_at, expires_at } =
    approval;
  const who = [namedBy(requester), requester.user_id === undefined ? undefined : `for ${requester.user_id}`]
    .filter((part) => part !== undefined)
    .join(' ');
  return page(
    `Approve ${action}?`,
    `<p class="dim">${shownText(approver)}, you are asked for an approval</p><h1>${shownText(action)}</h1><dl>${row('Who asks', who === '' ? 'somebody without a name' : who)}${row('Purpose, as they state it', reason)}${row('Where it goes', target)}${row('With the credentials', credentials?.join(', '))}${argumentsOf(approval)}${row('Why you are asked', message ?? rule)}${row('Asked', time(requested_at))}${row('Until', time(expires_at))}</dl><form method="post"><label for="reason">Your reason, for the record (optional)</label><input id="reason" name="reason" maxlength="500" autocomplete="off"><div class="row"><button class="no" name="decision" value="deny">Deny</button><button class="yes" name="decision" value="grant">Approve</button></div></form><p class="dim">It is for these arguments alone, and can be used once. Your answer is recorded under your name.</p>`,
  );
}

export function tellPage(title: string, text: string): string {
  return page(title, `<h1>${shownText(title)}</h1><p class="done">${shownText(text)}</p>`);
}
