/**
 * What stands in for the recorder where the machine's configuration lets calls go on that cannot be recorded
 * (`failure_modes: { proxy: open }`). It writes no log. It decides all the same, by the policy, the tokens, the switches
 * and the counts as they can be read: open is about records, and lets nothing through that the policy stops. What it
 * lets through is remembered first (notes.ts), and said in the log when that can be written again.
 */
import type { Decision } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { createFingerprint } from '../core/fingerprint.ts';
import { readFacts } from '../core/governance/facts.ts';
import { readFor } from '../core/governance/state.ts';
import { identify } from '../core/identity/identify.ts';
import { decide } from '../core/policy/decide.ts';
import { principalOf } from '../core/policy/principal.ts';
import type { DecisionRequest } from '../core/policy/types.ts';
import { storedMasterKey } from '../home.ts';
import { type Paths, TENANT } from '../paths.ts';
import { openReader } from '../reader.ts';
import { factsFrom } from '../recorder/act.ts';
import type { Ask, Recorder } from '../recorder/api.ts';
import { loadGovernance, loadRegistry } from '../recorder/registry.ts';
import { fileObjects } from '../store/file/objects.ts';
import { loadPolicy } from './policy-file.ts';
import { machineOwner } from './whoami.ts';

export interface UngovernedOptions {
  readonly paths: Paths;
  readonly allowObserve: boolean;
  readonly onWarning: (line: string) => void;
  /** Remembers what is about to be done. False: it could not be, so it must not be done. */
  readonly remember: (what: string) => boolean;
  readonly now: () => number;
}

/** In place of the id of an entry. */
const UNRECORDED = 'unrecorded';

/** Throws when what is decided from cannot be read: then nothing goes on either. */
export async function openUngoverned(options: UngovernedOptions): Promise<Recorder> {
  const { paths, now } = options;
  const { reader, name } = openReader(paths);
  const objects = fileObjects(paths.registry);
  const policy = await loadPolicy(paths, options.onWarning);
  const registry = await loadRegistry(objects, `${name}.json`, reader);
  const governance = await loadGovernance(objects, `${name}.json`, reader);
  const owner = machineOwner();
  const masterKey = await storedMasterKey(paths);
  const fingerprint = masterKey === undefined ? undefined : createFingerprint({ masterKey });

  function decideNow(
    request: DecisionRequest,
    { identity, addresses, args, facts_from }: Omit<Ask, 'request'>,
  ): Decision {
    const nowMs = now();
    const principal = principalOf(policy.compiled, identity, owner);
    const facts = readFacts(policy.compiled, factsFrom({ facts_from, args }));
    // An approval counts once, and nobody could write down that it was used: none is taken.
    const { grant: _grant, ...governed } = readFor(governance, request, identity, principal, policy, nowMs);
    return decide(request, policy, {
      decided_at: new Date(nowMs).toISOString(),
      identity,
      ...(principal === undefined ? {} : { principal }),
      ...(addresses === undefined ? {} : { addresses }),
      ...(options.allowObserve ? { allow_observe: true } : {}),
      ...(facts === undefined ? {} : { facts }),
      ...governed,
    });
  }

  function printed({ request, args, args_note }: Ask): DecisionRequest {
    if (fingerprint === undefined) return request;
    const { key, args_hash } = fingerprint.action(TENANT, request.action, args, args_note);
    return {
      ...request,
      action: { ...request.action, key, ...(args_hash === undefined ? {} : { args_hash }) },
    };
  }

  const receipt = () => ({ id: UNRECORDED, index: -1, ts: new Date(now()).toISOString() });

  return {
    tenant: TENANT,
    origin: UNRECORDED,
    recorderId: UNRECORDED,
    policy: () => policy,
    identify: (claims) => identify(registry, claims, now(), { tenant: TENANT }),
    principal: (identity) => principalOf(policy.compiled, identity, owner),
    runPid: () => undefined,
    decide: decideNow,
    async act(ask) {
      const request = printed(ask);
      const decision = decideNow(request, ask);
      if (decision.outcome === 'allow' || decision.enforced === false) {
        const { name: action, target } = request.action;
        if (
          !options.remember(
            target?.host === undefined ? action : `${action} ${target.method ?? ''} ${target.host}`,
          )
        )
          throw new TallyError(
            'LOG_WRITE_FAILED',
            'that this call is not recorded cannot be noted anywhere',
            {
              hint: 'make the state directory writable: nothing goes on without a trace',
            },
          );
      }
      return { decision, receipt: receipt() };
    },
    // How it ended, and what was refused: nothing of it was done that is not remembered already.
    record: async () => receipt(),
    waitForApproval: async () => undefined,
    onKill: () => () => undefined,
    onChange: () => () => undefined,
    secrets: { set: () => undefined, delete: () => undefined },
    now,
  };
}
