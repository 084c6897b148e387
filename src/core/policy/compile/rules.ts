/** `facts` and `rules`. */
import { durationMs } from '../../alert/duration.ts';
import { createSecretNames } from '../../redact/keys.ts';
import { oneToolName } from '../../tool-name.ts';
import { compileCel } from '../cel/compile.ts';
import { withOneName } from '../cel/one-name.ts';
import type { Rule } from '../compiled.ts';
import { shown } from '../hosts.ts';
import { isReasonCode, REASONS } from '../reasons.ts';
import type { PolicyFile } from '../schema.ts';
import type { FileRule } from '../schema-bounds.ts';
import { slipFinder } from '../suggest.ts';
import { type Complain, present, unknownName } from './complain.ts';
import type { Known } from './known.ts';

const secretNames = createSecretNames();

/** Facts are recorded with every decision, so none may be read from where a credential stands. */
export function compileFacts(
  file: NonNullable<PolicyFile['facts']>,
  complain: Complain,
): { readonly [name: string]: readonly string[] } {
  const facts: [string, readonly string[]][] = [];
  for (const [name, text] of Object.entries(file)) {
    const [, ...path] = text.split('.');
    const secret = [name, ...path].find((step) => secretNames.has(step));
    if (secret !== undefined)
      complain(['facts', name], {
        problem: `${shown(secret)} is the name of a credential, and facts are recorded`,
        hint: 'read another argument',
      });
    facts.push([name, path]);
  }
  return Object.fromEntries(facts);
}

/** "role:admin", "user:u_17". Told: those that nobody is. */
export function checkApprovers(
  approvers: readonly string[] | undefined,
  path: readonly PropertyKey[],
  known: Known,
  complain: Complain,
): void {
  for (const [i, approver] of (approvers ?? []).entries()) {
    const [kind = '', name = ''] = /^(role|user):(.*)$/s.exec(approver)?.slice(1) ?? [];
    if (kind === 'role' && !known.roles.has(name))
      complain([...path, i], unknownName('role', name, known.roles, 'name it under roles: as well'));
    if (kind === 'user' && known.users !== undefined && !known.users.has(name))
      complain([...path, i], unknownName('user', name, known.users, 'name the user under users: as well'));
  }
}

const reasonSlip = slipFinder(Object.keys(REASONS));

function checkReason(reason: string | undefined, path: readonly PropertyKey[], complain: Complain): void {
  if (reason === undefined || isReasonCode(reason)) return;
  const meant = reasonSlip(reason);
  if (meant !== undefined)
    complain([...path, 'reason'], {
      problem: `there is no reason code ${shown(reason)}`,
      hint: `did you mean ${shown(meant)}? A code of your own has to differ by more than a letter`,
    });
}

function checkWhen(file: FileRule, path: readonly PropertyKey[], known: Known, complain: Complain): void {
  const compiled = compileCel(file.when, known.facts);
  if ('problem' in compiled) {
    const { problem, hint, offset } = compiled;
    complain([...path, 'when'], {
      problem: `the rule ${shown(file.id)}: ${problem}`,
      ...present({ hint, offset }),
    });
    return;
  }
  const when = withOneName(file.when);
  const one = when === file.when ? compiled : compileCel(when, known.facts);
  if ('problem' in one)
    complain([...path, 'when'], {
      problem: `the rule ${shown(file.id)} names tools as mcp__SERVER__TOOL, and with their own names it is no rule: ${one.problem}`,
      hint: 'write mcp.SERVER.TOOL',
    });
  for (const action of compiled.program.actions ?? []) {
    const meant = known.misspelt(oneToolName(action));
    if (meant !== undefined)
      complain([...path, 'when'], {
        problem: `the rule ${shown(file.id)} is about ${shown(action)}, and tools: has no such tool`,
        hint: `did you mean ${shown(meant)}? If not, name it under tools: as well`,
      });
  }
}

function compileRule(file: FileRule, path: readonly PropertyKey[], known: Known, complain: Complain): Rule {
  const { id, when, decision, reason, approvers, ttl } = file;
  checkWhen(file, path, known, complain);
  checkReason(reason, path, complain);
  checkApprovers(approvers, [...path, 'approvers'], known, complain);
  for (const key of ['approvers', 'ttl'] as const)
    if (file[key] !== undefined && decision !== 'approval_required')
      complain([...path, key], {
        problem: `"${key}" in the rule ${shown(id)} is for decision: approval_required`,
        hint: `remove "${key}"`,
      });
  const ttl_ms = ttl === undefined ? undefined : durationMs(ttl);
  return { id, when: withOneName(when), decision, ...present({ reason, approvers, ttl_ms }) };
}

export function compileRules(file: readonly FileRule[], known: Known, complain: Complain): readonly Rule[] {
  const seen = new Map<string, number>();
  return file.map((rule, i) => {
    const earlier = seen.get(rule.id);
    if (earlier !== undefined)
      complain(['rules', i, 'id'], {
        problem: `two rules have the id ${shown(rule.id)} (rules[${earlier}] and rules[${i}])`,
        hint: 'the record of a decision names the rule by its id',
      });
    seen.set(rule.id, i);
    return compileRule(rule, ['rules', i], known, complain);
  });
}
