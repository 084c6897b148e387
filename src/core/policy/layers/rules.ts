/**
 * The policy's own rules, in the order of the file. A stop beats an approval that is wanted, and that beats allow; of
 * several alike the first one says it. `allow` lifts nothing that another rule or layer says. A rule that fails is a
 * stop: what would have been said cannot be known.
 */
import { evaluateCel } from '../cel/evaluate.ts';
import type { Rule } from '../compiled.ts';
import { shown } from '../hosts.ts';
import { fail, type Layer, type LayerAnswer, type LayerContext, PASS, SKIP } from '../layer.ts';
import { own } from '../own.ts';
import { bindingsOf } from '../rule-bindings.ts';
import { rulesAbout } from '../rule-index.ts';
import { toolOf } from '../subject.ts';

function reasonMissing({ request, policy }: LayerContext): LayerAnswer | undefined {
  const name = toolOf(request);
  if (request.reason_given === true || own(policy.tools, name)?.reason !== 'required') return undefined;
  return fail('reason_required', `${shown(name)} is for callers who say why, and this one gave no reason`);
}

function stoppedBy({ id, reason }: Rule): LayerAnswer {
  const code = reason ?? 'policy_denied';
  return { result: 'fail', reason: code, message: `the rule ${shown(id)} says stop`, rule: id };
}

function wantedBy({ id, reason, approvers, ttl_ms }: Rule): LayerAnswer {
  const want = {
    reason: reason ?? 'policy_approval_required',
    message: `the rule ${shown(id)} wants an approval`,
    rule: id,
    ...(approvers === undefined ? {} : { approvers }),
    ...(ttl_ms === undefined ? {} : { ttl_ms }),
  };
  return { result: 'pass', want, rule: id };
}

export const rulesLayer: Layer = {
  name: 'rules',
  evaluate(context) {
    const unreasoned = reasonMissing(context);
    if (unreasoned !== undefined) return unreasoned;
    const { rules } = context.index;
    const asked = own(context.policy.tools, toolOf(context.request))?.reason !== undefined;
    if (rules.count === 0) return asked ? PASS : SKIP;

    const about = rulesAbout(rules, context.request.action.name);
    if (about.length === 0) return PASS;
    const bindings = bindingsOf(context);
    let wanting: Rule | undefined;
    let allowing: Rule | undefined;
    for (const { rule, program } of about) {
      const said = 'problem' in program ? { error: program.problem } : evaluateCel(program, bindings);
      if ('error' in said) {
        const unread = 'unread' in said;
        const { reason, message } = unread
          ? ({
              reason: 'args_unavailable',
              message: 'needs the arguments, which were streamed past',
            } as const)
          : ({ reason: 'rule_error', message: `failed: ${said.error}` } as const);
        return { result: 'fail', reason, message: `the rule ${shown(rule.id)} ${message}`, rule: rule.id };
      }
      if (!said.value) continue;
      if (rule.decision === 'stop') return stoppedBy(rule);
      if (rule.decision === 'approval_required') wanting ??= rule;
      else allowing ??= rule;
    }
    if (wanting !== undefined) return wantedBy(wanting);
    return allowing === undefined ? PASS : { result: 'pass', rule: allowing.id };
  },
};
