/** Lines of the allowlist: which of them name a host, and how far one of them goes with a call to it. */
import type { AllowedHost } from './compiled.ts';
import { namesAbove } from './host-set.ts';
import type { AllowedLine, PolicyIndex } from './index-of.ts';
import type { KnownTarget } from './layer.ts';
import { readingsOf } from './path-pattern.ts';

const NONE: readonly AllowedLine[] = [];

export const DEFAULT_PORT = { https: 443, http: 80 } as const;

/** Every line that names the host: those of its own, and the wildcards above it. */
export function linesFor(index: PolicyIndex, host: string): readonly AllowedLine[] {
  const own = index.hosts.get(host);
  if (index.below.size === 0) return own ?? NONE;
  const lines = [...(own ?? NONE)];
  for (const above of namesAbove(host)) lines.push(...(index.below.get(above) ?? NONE));
  return lines;
}

function portMatches(line: AllowedHost, to: KnownTarget): boolean {
  if (line.port !== undefined) return line.port === to.port;
  return to.scheme !== undefined && to.port === DEFAULT_PORT[to.scheme];
}

const schemeMatches = (line: AllowedHost, to: KnownTarget): boolean =>
  to.scheme === 'https' || (to.scheme === 'http' && line.http === true);

const names = (list: readonly string[] | undefined, name: string | undefined): boolean =>
  list === undefined || (name !== undefined && list.includes(name));

/** What a line says of a call to its host, in this order. The one that goes furthest tells what is missing. */
const STEPS = ['port', 'scheme', 'place', 'method', 'path', 'all'] as const;
export type Step = (typeof STEPS)[number];

function reached({ line, methods, paths }: AllowedLine, to: KnownTarget, where: Where): Step {
  if (!portMatches(line, to)) return 'port';
  if (!schemeMatches(line, to)) return 'scheme';
  if (!names(line.projects, where.project) || !names(line.environments, where.environment)) return 'place';
  if (methods !== undefined && !methods.has(to.target.method?.toUpperCase() ?? '')) return 'method';
  if (paths === undefined) return 'all';
  const readings = readingsOf(to.target.path);
  return readings !== undefined && paths.some((pattern) => pattern.matches(readings)) ? 'all' : 'path';
}

export const permits = (line: AllowedLine, to: KnownTarget, where: Where): boolean =>
  reached(line, to, where) === 'all';

/** Files of certificates that this very host and port may be signed by, each once. Most policies name none. */
export function privateRootsOf(index: PolicyIndex, host: string, port: number): readonly string[] {
  if (!index.privateRoots) return NO_FILES;
  const files = linesFor(index, host).flatMap(({ line: { ca, port: own = DEFAULT_PORT.https } }) =>
    ca === undefined || own !== port ? [] : [ca],
  );
  return [...new Set(files)];
}

const NO_FILES: readonly string[] = [];

export interface Where {
  readonly project: string | undefined;
  readonly environment: string | undefined;
}

/** The list is a union of grants: of the lines that permit the call, the one that permits most. */
export function best(
  lines: readonly AllowedLine[],
  to: KnownTarget,
  where: Where,
): { readonly line?: AllowedHost; readonly step: Step } {
  let line: AllowedHost | undefined;
  let step: Step = 'port';
  for (const candidate of lines) {
    const came = reached(candidate, to, where);
    if (STEPS.indexOf(came) > STEPS.indexOf(step)) step = came;
    if (came !== 'all') continue;
    if (line === undefined || (candidate.line.internal === true && line.internal !== true))
      line = candidate.line;
  }
  return line === undefined ? { step } : { line, step };
}
