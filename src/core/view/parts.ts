/** What several formats ask of a call in the same words. */
import type { Json, JsonObject } from '../json.ts';
import type { Call } from '../query/call.ts';
import { booleanAt, listAt, numberAt, textAt } from '../query/fields.ts';

/** From the half that says it: the pre_exec speaks for the call. */
export function ofCall<T>({ first, last }: Call, read: (entry: JsonObject) => T | undefined): T | undefined {
  return read(first) ?? (last === undefined ? undefined : read(last));
}

/** From the half that tells how it ended: the post_exec, or an entry that stands alone. */
export function ofEnd<T>({ first, last }: Call, read: (entry: JsonObject) => T | undefined): T | undefined {
  return read(last ?? first);
}

export const text =
  (...path: readonly string[]) =>
  (entry: JsonObject): string | undefined =>
    textAt(entry, ...path);
export const number =
  (...path: readonly string[]) =>
  (entry: JsonObject): number | undefined =>
    numberAt(entry, ...path);
export const boolean =
  (...path: readonly string[]) =>
  (entry: JsonObject): boolean | undefined =>
    booleanAt(entry, ...path);

function credentialsOf(call: Call): readonly Json[] {
  return (
    ofCall(call, (entry) => {
      const uses = listAt(entry, 'credentials');
      return uses.length === 0 ? undefined : uses;
    }) ?? []
  );
}

/**
 * One member of every credential that the call used, in their order, joined by commas; places stay where a credential
 * does not say it. undefined when none says it.
 */
export function ofCredentials(call: Call, member: string): string | undefined {
  const values = credentialsOf(call).map((use) => textAt(use, member));
  return values.some((value) => value !== undefined)
    ? values.map((value) => value ?? '').join(',')
    : undefined;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { https: 443, http: 80 };

/** Without a query, whose values are in no entry. undefined unless scheme and host are said. */
export function urlOf(entry: JsonObject): string | undefined {
  const scheme = textAt(entry, 'action', 'target', 'scheme');
  const host = textAt(entry, 'action', 'target', 'host');
  if (scheme === undefined || host === undefined) return undefined;
  const port = numberAt(entry, 'action', 'target', 'port');
  const own = Object.hasOwn(DEFAULT_PORTS, scheme) ? DEFAULT_PORTS[scheme] : undefined;
  const shownPort = port === undefined || port === own ? '' : `:${port}`;
  return `${scheme}://${host}${shownPort}${textAt(entry, 'action', 'target', 'path') ?? ''}`;
}

/** Outcomes that are no success and no failure upstream. */
const WITHOUT_ANSWER: ReadonlySet<string> = new Set(['error', 'timeout', 'aborted', 'unknown', 'blocked']);

/**
 * Why it did not end well, in the words of the entries: the error, else the reason of the decision that stopped or held
 * it, else the kind of error, else the status. undefined for what went well, and for what has no end.
 */
export function errorOf(call: Call): string | undefined {
  const error = ofEnd(call, text('outcome', 'error'));
  if (error !== undefined) return error;
  const status = ofEnd(call, text('outcome', 'status'));
  const decided = ofCall(call, text('decision', 'outcome'));
  if (status === 'blocked' || status === 'pending')
    return (
      ofCall(call, text('decision', 'reason')) ??
      ofEnd(call, text('outcome', 'error_kind')) ??
      (decided === undefined || decided === 'allow' ? status : decided)
    );
  const kind = ofEnd(call, text('outcome', 'error_kind'));
  if (kind !== undefined) return kind;
  return status !== undefined && WITHOUT_ANSWER.has(status) ? status : undefined;
}

/** The agent; for what a person did without one, that person. */
export function actorOf(call: Call): string | undefined {
  return (
    ofCall(call, text('actor', 'agent_id')) ??
    ofCall(call, text('actor', 'user', 'id')) ??
    ofCall(call, text('actor', 'os', 'user'))
  );
}
