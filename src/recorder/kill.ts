/** Requests about kill switches, and the runs that they refuse. */
import { TallyError } from '../core/error.ts';
import { KILL_CHANGE, oneScope } from '../core/governance/kill.ts';
import { LIMITS } from '../core/limits.ts';
import { killReason } from '../core/policy/layers/kill-switch.ts';
import { doneFor, operatorEvent } from './asked.ts';
import type { Guard } from './guard.ts';
import type { Client, Handlers, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';
import { recordStop, stopDecision } from './stopped.ts';

const NOBODY = { aborted: 0, told: 0 } as const;

export function killHandlers(
  recorder: LocalRecorder,
  guard: Guard,
): Pick<Handlers, 'kill.set' | 'kill.list'> {
  const { kills } = recorder;
  return {
    async 'kill.set'(params, client) {
      const { on, reason } = params;
      const scope = oneScope(params.scope);
      // In an emergency nobody has to remember a passphrase: it stands before switching on again. Agents may do neither.
      const isPerson =
        client.run_token === undefined && client.detected === undefined && client.checked === undefined;
      if (!on || !isPerson) await guard.require('kill.set', params, client);
      const known = kills.list().find((one) => one.scope === scope);
      if (on === (known !== undefined))
        return { scope, on, changed: false, ...(on ? kills.tell(scope) : NOBODY) };
      if (on && kills.list().length >= LIMITS.killSwitches)
        throw new TallyError('USAGE', `${LIMITS.killSwitches} kill switches are on, and no more are kept`, {
          hint: 'switch off a wider scope: tally kill on --scope global',
        });
      // The next decision knows of it when it has its place; the answer waits until it is durable.
      const { id } = await recorder.record(
        { ...operatorEvent(KILL_CHANGE, client, { scope, on }), reason },
        doneFor(client),
      );
      return { id, scope, on, changed: true, ...(on ? kills.tell(scope) : NOBODY) };
    },
    async 'kill.list'() {
      return { switches: kills.list() };
    },
  };
}

/** Records and refuses a run that a switch forbids. Its calls would all be stopped: better that it does not begin. */
export async function refuseKilledRun(
  recorder: LocalRecorder,
  { agent_id }: OpParams<'run.start'>,
  client: Client,
): Promise<void> {
  const agent = agent_id ?? client.checked?.identity.agent_id;
  const scopes = ['global', 'tenant', ...(agent === undefined ? [] : [`agent:${agent}`])];
  const found = scopes.flatMap((scope) => recorder.kills.list().find((one) => one.scope === scope) ?? [])[0];
  if (found === undefined) return;
  const { scope, id, reason = 'no reason was given' } = found;
  const why = `${scope === 'global' ? 'everything' : scope} is switched off: ${reason}`;
  const decision = stopDecision(recorder, 'run.start', {
    layer: 'kill_switch',
    reason: killReason(scope),
    why,
  });
  const inputs = { ...decision.inputs, kill: [{ scope, id }] };
  await recordStop(recorder, client, { type: 'run.start' }, { ...decision, inputs });
  throw new TallyError('STOPPED', `no run begins: ${why}`, {
    hint: `tally kill status shows what is off; tally kill off --scope ${scope} --reason … ends it`,
  });
}
