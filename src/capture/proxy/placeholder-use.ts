/**
 * From the placeholders of a request to the credentials that it asks for: the layers that decide see them as they see
 * those that a control header names. A placeholder that must not be replaced stops the call: what was meant as a
 * credential would otherwise go out as a text that no upstream understands, and nobody would know why it fails.
 */
import { LIMITS } from '../../core/limits.ts';
import type { CompiledPolicy } from '../../core/policy/compiled.ts';
import { shown } from '../../core/policy/hosts.ts';
import type { ControlHeaders, Injection } from './headers.ts';
import { checkFor, placeholdersIn } from './placeholder.ts';
import { type Spot, spotsInBody, spotsInHead } from './placeholder-find.ts';

export interface PlaceholderProblem {
  readonly status: 400 | 403;
  readonly reason: 'placeholder_invalid' | 'placeholder_misplaced' | 'placeholder_unbound' | 'bad_request';
  readonly message: string;
}

export interface Used {
  readonly control: ControlHeaders;
  /** Credentials whose placeholders are only spoken of, and stay. */
  readonly said: readonly string[];
}

export type Use = Used | { readonly refused: PlaceholderProblem };

function placeOf({ at, style, name }: Spot): string {
  return at === 'query'
    ? 'the query'
    : at === 'body'
      ? `the ${style === 'form' ? 'form' : 'body'}`
      : `the header ${name}`;
}

function tooMany(count: number, most: number): Use {
  const message = `one call has at most ${most} placeholders and credentials, and this one has ${count}`;
  return { refused: { status: 400, reason: 'bad_request', message } };
}

/** Those of one credential in one place are one use of it. */
function together(spots: readonly Spot[]): readonly Injection[] {
  const uses = Map.groupBy(spots, ({ style, name, ref }) => `${style} ${name} ${ref}`);
  return [...uses.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [{ style: first.style, ref: first.ref, name: first.name, spots: same }];
  });
}

function withSpots(control: ControlHeaders, spots: readonly Spot[], said: readonly string[]): Use {
  if (spots.length === 0) return { control, said };
  if (spots.length > LIMITS.placeholdersPerCall) return tooMany(spots.length, LIMITS.placeholdersPerCall);
  const injections = [...control.injections, ...together(spots)];
  if (injections.length > LIMITS.credentialsPerCall)
    return tooMany(injections.length, LIMITS.credentialsPerCall);
  const { run_token } = control.claims;
  const isOfRun = checkFor(run_token);
  const foreign = spots.find((spot) => !isOfRun(spot));
  if (foreign === undefined) return { control: { ...control, injections }, said };
  const why = run_token === undefined ? 'this call names no run' : 'it is not of this run';
  const message = `the placeholder of ${shown(foreign.ref)} in ${placeOf(foreign)} is not replaced: ${why}; a program gets those of its run from tally run`;
  return { refused: { status: 403, reason: 'placeholder_invalid', message } };
}

type Bound = Pick<CompiledPolicy, 'credentials'>;

/**
 * A header, or a parameter that is nothing but a credential, is there to prove something. A body and a phrase may say
 * anything to anyone, an issue that everybody reads or a search: what goes there has to have its hosts named.
 */
function unbound(spots: readonly Spot[], { credentials }: Bound, control: ControlHeaders): Use | undefined {
  const spot = spots.find(
    ({ ref }) => !Object.hasOwn(credentials, ref) || credentials[ref]?.hosts === undefined,
  );
  if (spot === undefined) return undefined;
  const name = shown(spot.ref);
  const message = `the placeholder of ${name} in ${placeOf(spot)} is replaced only towards hosts that the policy names for it; if that is meant, in the policy file: credentials: { ${name}: { hosts: [${control.target?.host}] } }`;
  return { refused: { status: 403, reason: 'placeholder_unbound', message } };
}

/** "…&name=PLACEHOLDER&…" */
function isWholeParameter({ start, end }: Spot, search: string): boolean {
  return search.charAt(start - 1) === '=' && (end === search.length || search.charAt(end) === '&');
}

/** Of a forwarded request, before its body is read. */
export function useInHead(control: ControlHeaders, policy: Bound): Use {
  const { target, forward } = control;
  if (control.forwarded === undefined || target === undefined) return { control, said: [] };
  for (const { ref } of placeholdersIn(target.path, 'percent')) {
    const message = `the placeholder of ${shown(ref)} stands in the path; paths are on record, so no credential is put there`;
    return { refused: { status: 403, reason: 'placeholder_misplaced', message } };
  }
  const { search } = target;
  const spots = spotsInHead(forward, search);
  const use = withSpots(control, spots, []);
  if ('refused' in use) return use;
  const phrases = spots.filter((spot) => spot.at === 'query' && !isWholeParameter(spot, search));
  return unbound(phrases, policy, control) ?? use;
}

/** And of its body; a streamed one is watched as it passes (placeholder-watch.ts). */
export function useInBody(
  control: ControlHeaders,
  body: Buffer | undefined,
  type: 'json' | 'form',
  policy: Bound,
): Use {
  if (control.forwarded === undefined || body === undefined) return { control, said: [] };
  const { spots, said, problem } = spotsInBody(body, type);
  if (problem !== undefined) return { refused: { status: 400, reason: 'bad_request', message: problem } };
  const use = withSpots(control, spots, said);
  return 'refused' in use ? use : (unbound(spots, policy, control) ?? use);
}
