/**
 * Calls of tools. `PreToolUse` is decided and durable before it is answered; what may not go on ends at once, and what
 * may is open until the program tells how it ended.
 */
import type { Event, Outcome } from '../../core/entry.ts';
import { isTallyError } from '../../core/error.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import type { DecisionRequest, Identity } from '../../core/policy/types.ts';
import { field } from '../../core/query/fields.ts';
import { oneToolName, toolNamed } from '../../core/tool-name.ts';
import type { Acted, Ask } from '../../recorder/api.ts';
import { notBegun, proceeds } from '../../recorder/not-begun.ts';
import { identityOf } from './actor.ts';
import { denied, GO_ON, holdMs, stopWords, waitWords } from './answer.ts';
import { endOf, type HookInput, printOf, surroundings } from './input.ts';
import { carriedText, carriedValue } from './payload.ts';
import { type Call, makeRoom, type Session } from './sessions.ts';
import { BLOCKS_SINCE, isAtLeast } from './version.ts';
import { facts, type HookInstall, type HookPorts, hooked, runOf } from './wiring.ts';

const CALL = 'tool.call';
const RESULT = 'tool.result';

/** A second post of the same call is answered as the first. Throws when nothing can be recorded. */
export async function beforeTool(
  ports: HookPorts,
  session: Session,
  input: HookInput,
  install: HookInstall,
  signal: AbortSignal,
): Promise<JsonObject> {
  const print = printOf(input.value);
  const known = session.calls.get(input.call);
  if (known?.answer !== undefined && known.print === print && input.step !== undefined) {
    session.duplicates++;
    return known.answer;
  }
  if (known !== undefined && !known.ended)
    await abandon(ports, known, 'the same call came with another input');
  const crowded = makeRoom(session);
  if (crowded !== undefined) await abandon(ports, crowded, 'too many calls of this session were open');
  const call: Call = {
    print,
    tool: input.tool ?? '',
    agent: input.agent?.id,
    assurance: install.blocks && isAtLeast(session.version, BLOCKS_SINCE) ? 'enforced' : 'observed',
    answer: undefined,
    pre: undefined,
    ended: false,
    told: false,
  };
  session.calls.set(input.call, call);
  call.answer = decided(ports, session, input, call, signal);
  try {
    return await call.answer;
  } catch (error) {
    // Nothing was decided: the same call may be asked for again.
    if (session.calls.get(input.call) === call) session.calls.delete(input.call);
    throw error;
  }
}

async function decided(
  ports: HookPorts,
  session: Session,
  input: HookInput,
  call: Call,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { recorder } = ports;
  const first = await act(ports, session, input, call);
  const { decision, approval, receipt } = first;
  if (proceeds(decision)) return goOn(call, first);
  await close(ports, call, first);
  if (decision.outcome !== 'approval_required') {
    call.ended = true;
    return denied(stopWords(decision, receipt.index));
  }
  const hold = holdMs(recorder.policy().compiled.approvals?.hold_ms);
  const status =
    approval === undefined ? undefined : await recorder.waitForApproval(approval.id, hold, signal);
  if (status !== 'granted' || signal.aborted) {
    call.ended = true;
    return denied(waitWords(decision, approval, status));
  }
  const second = await act(ports, session, input, call);
  if (proceeds(second.decision)) return goOn(call, second);
  await close(ports, call, second);
  call.ended = true;
  return denied(stopWords(second.decision, second.receipt.index));
}

const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

function goOn(call: Call, { receipt }: Acted): JsonObject {
  call.pre = receipt.id;
  return GO_ON;
}

async function close({ recorder }: HookPorts, call: Call, { decision, receipt }: Acted): Promise<void> {
  await recorder.record(notBegun(RESULT, receipt.id, decision), hooked(call.assurance));
}

/** With arguments that nobody can hash (too deep, too many) it is decided as a call whose arguments streamed past. */
async function act(ports: HookPorts, session: Session, input: HookInput, call: Call): Promise<Acted> {
  const { recorder } = ports;
  const args = field(input.value, 'tool_input');
  const identity = identityOf(recorder, input);
  const { payload, cut } = carriedValue('arguments', args);
  const ask: Omit<Ask, 'request'> = {
    identity,
    ...(payload === undefined ? {} : { payload: { type: CALL, data: payload } }),
  };
  const event = (): Event => callEvent(ports, session, input, cut);
  try {
    const whole = { ...ask, request: requestOf(ports, session, input, identity, args) };
    return await recorder.act(args === undefined ? whole : { ...whole, args }, event, hooked(call.assurance));
  } catch (error) {
    if (!isTallyError(error) || error.code !== 'BAD_EVENT' || args === undefined) throw error;
    const request = { ...requestOf(ports, session, input, identity, args), args: 'streamed' as const };
    const stand_in = { print: call.print };
    return recorder.act(
      { identity, request, args: stand_in, args_note: 'partial', facts_from: {}, shown: stand_in },
      event,
      hooked(call.assurance),
    );
  }
}

function requestOf(
  { recorder }: HookPorts,
  session: Session,
  input: HookInput,
  { project_id, environment }: Identity,
  args: Json | undefined,
): DecisionRequest {
  const run_id = runOf(input);
  const name = input.tool ?? 'tool';
  return {
    tenant_id: recorder.tenant,
    ...(project_id === undefined ? {} : { project_id }),
    ...(environment === undefined ? {} : { environment }),
    ...(run_id === undefined ? {} : { run_id }),
    action: {
      name,
      tool: { name },
      tier: input.agent === undefined ? session.tier : 'subagent',
    },
    ...(args === undefined ? {} : { args: 'whole' as const }),
    credentials: [],
  };
}

function callEvent(
  { recorder }: HookPorts,
  session: Session,
  input: HookInput,
  cut: true | undefined,
): Event {
  const name = input.tool ?? 'tool';
  return {
    type: CALL,
    phase: 'pre_exec',
    ...facts(recorder, session, input),
    ...(input.step === undefined ? {} : { step_id: input.step }),
    action: { name: oneToolName(name), tool: toolNamed(name) },
    metadata: { ...surroundings(input), ...(cut === undefined ? {} : { cut: ['arguments'] }) },
  };
}

/** Throws when it cannot be recorded. */
export async function afterTool(ports: HookPorts, session: Session, input: HookInput): Promise<void> {
  const { recorder } = ports;
  const call = session.calls.get(input.call);
  // An end may overtake the answer to its own beginning.
  await call?.answer?.catch(() => undefined);
  if (call?.ended === true && call.pre !== undefined) {
    session.duplicates++;
    return;
  }
  const pre = call === undefined ? await begunEarlier(ports, session, input) : call.pre;
  if (pre === 'ended') return;
  const { event, cut } = resultOf(input);
  const metadata = {
    ...surroundings(input),
    ...(cut === undefined ? {} : { cut: ['result'] }),
    // It was told not to.
    ...(call?.ended === true ? { ran_though_stopped: true } : {}),
    ...(pre === undefined ? { unpaired: true } : {}),
  };
  if (call !== undefined) call.ended = true;
  const whose = pre === undefined ? { ...facts(recorder, session, input), ...unpaired(input) } : {};
  await recorder.record(
    {
      ...whose,
      ...event,
      ...(pre === undefined ? { phase: 'point' } : { phase: 'post_exec', parent_id: pre }),
      metadata,
    },
    hooked(call?.assurance ?? 'observed'),
  );
}

function unpaired(input: HookInput): Pick<Event, 'step_id' | 'action'> {
  const name = input.tool ?? 'tool';
  return {
    ...(input.step === undefined ? {} : { step_id: input.step }),
    action: { name: oneToolName(name), tool: toolNamed(name) },
  };
}

/** Its beginning may have been recorded before this recorder was started. */
async function begunEarlier(
  { recorder, earlier }: HookPorts,
  session: Session,
  { step }: HookInput,
): Promise<string | undefined> {
  if (step === undefined) return undefined;
  const id = (await earlier(new Set([step]))).calls.get(step);
  if (id === undefined || id === '') return undefined;
  const found = await recorder.find(id);
  if (found?.state !== 'ended') return found === undefined ? undefined : id;
  session.duplicates++;
  return 'ended';
}

function resultOf(input: HookInput): {
  readonly event: Pick<Event, 'type' | 'outcome' | 'payload'>;
  readonly cut: true | undefined;
} {
  const { outcome, failed, said } = endOf(input);
  const { payload, cut } = failed ? carriedText('result', textOf(said)) : carriedValue('result', said);
  return { event: { type: RESULT, outcome, ...(payload === undefined ? {} : { payload }) }, cut };
}

/** Its end as somebody else tells it: the program's own refusal, or its transcript. */
export async function endTool(
  { recorder }: HookPorts,
  call: Call,
  outcome: Outcome,
  metadata: JsonObject,
): Promise<void> {
  if (call.pre === undefined || call.ended) return;
  call.ended = true;
  await recorder.record(
    {
      type: RESULT,
      phase: 'post_exec',
      parent_id: call.pre,
      outcome,
      metadata,
      quality: { outcome: 'inferred' },
    },
    hooked(call.assurance),
  );
}

export async function abandon({ recorder }: HookPorts, call: Call, why: string): Promise<void> {
  if (call.pre !== undefined && !call.ended) await recorder.abandon(call.pre, why);
  call.ended = true;
}
