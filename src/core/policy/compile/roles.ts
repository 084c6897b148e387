/** `roles`, with the scopes that each inherits worked in. */
import { LIMITS } from '../../limits.ts';
import type { RoleRule } from '../compiled.ts';
import type { PolicyFile } from '../schema.ts';
import { type Complain, unknownName } from './complain.ts';
import type { Known } from './known.ts';

type FileRoles = NonNullable<PolicyFile['roles']>;
type Scopes = ReadonlySet<string>;

/** Names of one circle that are shown; a longer one is as wrong. */
const SHOWN = 20;

function circleProblem(circle: readonly string[]): { readonly problem: string; readonly hint: string } {
  const names = circle.length > SHOWN ? [...circle.slice(0, SHOWN), '…'] : circle;
  return {
    problem: `roles inherit each other in a circle: ${names.join(' → ')}`,
    hint: 'take one of them out of the inherits: of another',
  };
}

/**
 * Depth first, without recursion: a chain of a thousand roles is deep. Each role is worked out once; one that closes a
 * circle is told, and its own turn is skipped.
 */
function workOut(name: string, file: FileRoles, done: Map<string, Scopes>, complain: Complain): void {
  const path = [name];
  const onPath = new Set(path);
  const next = [0];
  for (let here = path.at(-1); here !== undefined; here = path.at(-1)) {
    const { scopes = [], inherits = [] } = file[here] ?? {};
    const i = next.pop() ?? 0;
    const parent = inherits[i];
    if (parent === undefined) {
      const all = new Set(scopes);
      for (const from of inherits) for (const scope of done.get(from) ?? []) all.add(scope);
      done.set(here, all);
      path.pop();
      onPath.delete(here);
      continue;
    }
    next.push(i + 1);
    if (onPath.has(parent))
      complain(['roles', here, 'inherits', i], circleProblem([...path.slice(path.indexOf(parent)), parent]));
    else if (Object.hasOwn(file, parent) && !done.has(parent)) {
      path.push(parent);
      onPath.add(parent);
      next.push(0);
    }
  }
}

export function compileRoles(
  file: FileRoles,
  known: Known,
  complain: Complain,
): { readonly [role: string]: RoleRule } {
  const done = new Map<string, Scopes>();
  const out: [string, RoleRule][] = [];
  for (const [name, { inherits = [] }] of Object.entries(file)) {
    for (const [i, parent] of inherits.entries())
      if (!known.roles.has(parent))
        complain(
          ['roles', name, 'inherits', i],
          unknownName('role', parent, known.roles, 'name it under roles: as well'),
        );
    if (!done.has(name)) workOut(name, file, done, complain);
    const scopes = [...(done.get(name) ?? [])].sort();
    if (scopes.length > LIMITS.roleScopes)
      complain(['roles', name], {
        problem: `the role ${name} has ${scopes.length} scopes with those it inherits, and ${LIMITS.roleScopes} are the most`,
        hint: 'a call is put to all of them: make fewer that say more',
      });
    out.push([name, { scopes }]);
  }
  return Object.fromEntries(out);
}
