/**
 * The policy in force. With another one what its limits need of the past is read, while calls are counted from now on.
 */
import { asTallyError } from '../core/error.ts';
import { needsOf } from '../core/governance/needs.ts';
import type { PolicyInForce } from '../core/policy/compiled.ts';
import type { LogStore } from '../core/ports.ts';
import type { Changes } from './changes.ts';
import type { RegistryHolder } from './registry.ts';

export interface InForce {
  readonly policy: () => PolicyInForce;
  /** Makes `policy` the one in force for the next call. Its snapshot is durable when this resolves. */
  use(policy: PolicyInForce): Promise<void>;
  /** Resolves when the limits of the policy in force know the calls before it. */
  counted(): Promise<void>;
  /** Hashes of all that were put in force. */
  readonly ever: ReadonlySet<string>;
}

/** `idle`: resolves when what has its place is on the disk. */
export function createInForce(options: {
  readonly first: PolicyInForce;
  readonly store: Pick<LogStore, 'objects'>;
  readonly registry: RegistryHolder;
  readonly changes: Changes;
  readonly idle: () => Promise<void>;
  readonly onWarning: ((text: string) => void) | undefined;
}): InForce {
  const { objects } = options.store;
  const ever = new Set<string>();
  let inForce = options.first;
  let counted: Promise<void> = Promise.resolve();

  return {
    policy: () => inForce,
    async use(policy) {
      ever.add(policy.hash);
      const file = `policies/${policy.hash}.json`;
      if ((await objects.get(file)) === undefined) await objects.put(file, policy.snapshot);
      inForce = policy;
      counted = options.registry.keep(needsOf(policy.compiled), options.idle);
      counted.catch((error: unknown) => {
        const { message } = asTallyError(error);
        options.onWarning?.(`${message}; limits count the calls from now on only, until the next start`);
      });
      options.changes.policy();
    },
    counted: () => counted,
    ever,
  };
}
