/** What of a row is remembered, by aspect. */
import { LIMITS } from '../limits.ts';
import { kindOf, type Row } from '../query/row.ts';
import type { Aspect } from './deviation.ts';

/** Values are cut here; entries hold longer ones only where nobody checked them. */
function cut(value: string): string {
  return value.length <= LIMITS.idChars ? value : value.slice(0, LIMITS.idChars).toWellFormed();
}

/** Calls `each` with every value that the row has, each once. */
export function eachValue(row: Row, each: (aspect: Aspect, value: string) => void): void {
  const { host, method, statusCode } = row;
  if (host !== undefined) {
    each('host', cut(host));
    if (method !== undefined) each('endpoint', cut(`${method} ${host}`));
    // Of what was stopped the status is our own, and the host never answered.
    if (statusCode !== undefined && kindOf(row) !== 'stopped') each('response', cut(`${statusCode} ${host}`));
  }
  if (row.tool !== undefined) each('tool', cut(row.tool));
  for (const ref of row.credentials) each('credential', cut(ref));
  // The broker's calls are named as their type is.
  if (row.action !== undefined && row.action !== row.type) each('action', cut(row.action));
  each('type', cut(row.type));
  if (row.environment !== undefined) each('environment', cut(row.environment));
  if (row.project !== undefined) each('project', cut(row.project));
  if (row.identity !== undefined) each('identity', cut(row.identity));
  if (row.user !== undefined) each('user', cut(row.user));
  if (row.onBehalfOf !== undefined) each('onBehalfOf', cut(row.onBehalfOf));
}

/** The part of a response or an endpoint that is its host. */
export function hostOf(value: string): string {
  return value.slice(value.indexOf(' ') + 1);
}

/** Something that an agent did, not only that it began, ended, or was noted. */
export function isCall(row: Row): boolean {
  return (
    row.phase === 'pre_exec' || row.phase === 'post_exec' || row.host !== undefined || row.tool !== undefined
  );
}

export function readsSecret(row: Row): boolean {
  return row.type === 'secret.access';
}

/** Of a row without a run: all of a day count as one. */
export const NO_RUN = '';

/** In whole microseconds; undefined of what is no duration. */
export function microseconds(durationMs: number | undefined): number | undefined {
  if (durationMs === undefined || !(durationMs >= 0)) return undefined;
  return Math.min(Math.round(durationMs * 1000), Number.MAX_SAFE_INTEGER);
}
