/** What the SDK loads only when it has to: a log in this process, and deciding without one. */
import type { Tier } from '../core/entry.ts';
import type { DecisionRequest } from '../core/policy/types.ts';
import { ulidSource } from '../core/ulid.ts';
import { openSession, type Session } from '../open.ts';
import type { Paths } from '../paths.ts';
import { TENANT } from '../paths.ts';
import { lastWords } from '../recorder/last-words.ts';
import type { Client } from '../recorder/ops.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import type { Link } from '../sdk/transport/asking.ts';
import type { Ungoverned } from '../sdk/world.ts';
import { random } from './lock.ts';
import { machineConfig } from './machine.ts';
import { hasNotes, placesOf } from './notes.ts';
import { tellNotes } from './notes-told.ts';
import { openUngoverned } from './ungoverned.ts';

/** Becomes the recorder, with what the machine's configuration says; or asks the one that came first. */
export async function openEmbeddedSession(
  paths: Paths,
  client: Client,
  warn: (line: string) => void,
): Promise<Session> {
  const config = await machineConfig(paths.configFile);
  const session = await openSession({
    paths,
    client,
    onWarning: warn,
    quiet: true,
    allowObserve: config.allow_observe,
    ...(config.redactFields === undefined ? {} : { redactFields: config.redactFields }),
    ...(config.payloads === undefined ? {} : { payloads: config.payloads }),
  });
  await tellEarlier(paths, session, warn);
  return session;
}

/** The last words of runs, where this process is the recorder and ends now. */
export function embeddedLast(recorder: LocalRecorder, client: Client): Pick<Link, 'last' | 'lastClose'> {
  return {
    last: (params) => lastWords(recorder, params, client),
    lastClose: (reason) => void recorder.lastly.close(reason),
  };
}

/** What ran while nothing could be recorded. Tried again by the next start. */
async function tellEarlier(paths: Paths, session: Session, warn: (line: string) => void): Promise<void> {
  const places = placesOf(paths);
  if (!hasNotes(places)) return;
  const ulid = ulidSource(random);
  try {
    await tellNotes(
      places,
      () => `log_${ulid(Date.now())}`,
      (gap) => session.ask('gap.report', gap),
    );
  } catch (error) {
    warn(`an earlier gap is not in the log yet: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Throws where what is decided from cannot be read. */
export async function openUngovernedDecider(
  paths: Paths,
  warn: (line: string) => void,
  remember: (what: string) => boolean,
): Promise<Ungoverned> {
  const config = await machineConfig(paths.configFile);
  const recorder = await openUngoverned({
    paths,
    allowObserve: config.allow_observe,
    onWarning: warn,
    remember,
    now: Date.now,
  });
  return {
    async decide({ name, tool, target, tier, capability, args, agent_id, run_token }) {
      const identity = recorder.identify({
        ...(run_token === undefined ? {} : { run_token }),
        ...(agent_id === undefined || run_token !== undefined ? {} : { agent_id }),
      });
      const request: DecisionRequest = {
        tenant_id: TENANT,
        ...(identity.run_id === undefined ? {} : { run_id: identity.run_id }),
        action: {
          name,
          ...(tool === undefined ? {} : { tool }),
          ...(target === undefined ? {} : { target }),
          ...(tier === undefined ? {} : { tier: tier as Tier }),
          ...(capability === undefined ? {} : { capability }),
        },
        args: 'whole',
        credentials: [],
      };
      const { decision } = await recorder.act(
        { request, identity, ...(args === undefined ? {} : { args }) },
        () => ({ type: 'tool.call', phase: 'pre_exec' }),
        { surface: 'sdk', assurance: 'enforced' },
      );
      const { outcome, reason, message, rule, layer, enforced } = decision;
      return {
        proceed: outcome === 'allow' || enforced === false,
        outcome,
        ...(reason === undefined ? {} : { reason }),
        ...(message === undefined ? {} : { message }),
        ...(rule === undefined ? {} : { rule }),
        ...(layer === undefined ? {} : { layer }),
      };
    },
  };
}
