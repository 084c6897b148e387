/**
 * Answers that a client gets from us in place of the server: a refused call is a *tool error*, which a model reads and can
 * act on, and not an error of the protocol, which most clients swallow.
 */
import type { Id } from './message.ts';
import type { Refusal } from './verdict.ts';

/** JSON-RPC 2.0 section 5.1. */
export const INVALID_REQUEST = -32_600;

export function refusedLine(id: Id, name: string, refusal: Refusal): Buffer {
  return line({
    jsonrpc: '2.0',
    id,
    result: {
      content: [{ type: 'text', text: refusedText(name, refusal) }],
      isError: true,
      _meta: { 'tallystick/decision': told(refusal) },
    },
  });
}

export function errorLine(id: Id | undefined, message: string): Buffer {
  return line({ jsonrpc: '2.0', id: id ?? null, error: { code: INVALID_REQUEST, message } });
}

const line = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

/** What happened, why, and how to mend it. */
export function refusedText(name: string, refusal: Refusal): string {
  const { reason, layer, rule, entry, message } = refusal;
  const because = [
    `reason: ${reason}`,
    ...(rule === undefined ? [] : [`rule: ${rule}`]),
    ...(layer === undefined ? [] : [`layer: ${layer}`]),
  ].join(', ');
  return [
    `${HEADS[refusal.kind](name)} ${sentence(message)} (${because})`,
    mend(refusal),
    ...(entry === undefined ? [] : [`On record: tally log show ${entry}`]),
  ].join('\n');
}

const HEADS: Readonly<Record<Refusal['kind'], (name: string) => string>> = {
  stop: (name) => `Tallystick stopped ${name}; nothing reached the server.`,
  approval: (name) => `${name} waits for a person to approve it; nothing has reached the server yet.`,
  unrecorded: (name) => `Tallystick could not record ${name}, so nothing reached the server.`,
};

function mend({ kind, approval, retry_after_ms, hint }: Refusal): string {
  if (approval !== undefined)
    return `To approve it: tally approvals approve ${approval.id} (until ${approval.expires_at}). Then make the same call again, with the same arguments.`;
  if (hint !== undefined) return `To mend it: ${hint}`;
  if (retry_after_ms !== undefined) return `Try again in ${Math.ceil(retry_after_ms / 1000)} s.`;
  return kind === 'unrecorded'
    ? 'To mend it: tally doctor'
    : 'Trying again gives the same answer: whoever runs this machine decides it in the policy (tally policy show).';
}

/** For programs. */
function told({ kind, reason, layer, rule, entry, approval, retry_after_ms }: Refusal): object {
  const outcome = kind === 'approval' ? 'approval_required' : 'stop';
  return { outcome, reason, layer, rule, entry, approval, retry_after_ms };
}

const sentence = (text: string): string => {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
};
