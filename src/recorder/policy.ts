/** Requests about the policy: putting a file in force, and saying what would be decided of a call that nobody made. */
import { identityOf, requestOf, supposedArgs } from '../core/policy/suppose.ts';
import { doneFor, operatorEvent } from './asked.ts';
import type { Handlers } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import type { InTurn } from './turns.ts';

export interface PolicyPort {
  /** Replaces the policy file. Called after the change is on record. */
  readonly writePolicy: (text: string) => Promise<void>;
  /** Changes of the policy come one after the other: on record, written and in force in the same order. */
  readonly policyTurn: InTurn;
}

export function policyHandlers(
  recorder: LocalRecorder,
  port: PolicyPort,
): Pick<Handlers, 'policy.set' | 'policy.explain'> {
  return {
    'policy.set': ({ text, reason }, client) =>
      port.policyTurn(async () => {
        const before = recorder.policy();
        // Reading a policy file loads much that recording does not need.
        const { compilePolicy } = await import('../core/policy/load.ts');
        const policy = compilePolicy(text, { id: recorder.tenant });
        const { version } = policy.compiled;
        if (policy.hash === before.hash && before.unreadable === undefined)
          return { version, hash: policy.hash, changed: false };
        const event = operatorEvent('policy.change', client, {
          before: { version: before.compiled.version, hash: before.hash },
          after: { version, hash: policy.hash },
        });
        await recorder.record(reason === undefined ? event : { ...event, reason }, doneFor(client));
        await port.writePolicy(text);
        await recorder.usePolicy(policy);
        return { version, hash: policy.hash, changed: true };
      }),

    /** By the policy in force and everything that is counted, switched off and approved now. Records nothing. */
    async 'policy.explain'({ call }) {
      const { compiled, hash } = recorder.policy();
      const args = supposedArgs(call, compiled);
      const decision = recorder.decide(requestOf(call, recorder.tenant), {
        identity: identityOf(call),
        ...(args === undefined ? {} : { args }),
        ...(call.addresses === undefined ? {} : { addresses: call.addresses }),
      });
      return { decision, policy: { version: compiled.version, hash } };
    },
  };
}
