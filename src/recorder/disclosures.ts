/**
 * What left the log, and who looked: exports, with their beginning and their end, and reads. The files are read by the
 * client itself, without a lock, so all of this is what a client says of itself.
 */
import type { Actor, Event } from '../core/entry.ts';
import { actorOf, reportedBy, said } from './asked.ts';
import type { Client, Handlers, OpParams } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

const EXPORT = 'log.export';
const READ = 'log.read';

export function disclosureHandlers(
  recorder: LocalRecorder,
): Pick<Handlers, 'export.start' | 'export.end' | 'log.read'> {
  /** The person, and the run in which it was asked, if its token is good. A read is recorded with a bad token too. */
  function whose(client: Client): Pick<Event, 'actor' | 'run_id' | 'quality'> {
    const { level, agent_id, token_id, run_id } = recorder.identify(
      client.run_token === undefined ? {} : { run_token: client.run_token },
    );
    const actor: Actor = {
      ...actorOf(client),
      identity_level: level,
      ...(agent_id === undefined ? {} : { agent_id }),
      ...(token_id === undefined ? {} : { agent_token_id: token_id }),
    };
    return { actor, quality: said(client), ...(run_id === undefined ? {} : { run_id }) };
  }

  return {
    async 'export.start'({ id, ...metadata }, client) {
      const receipt = await recorder.record(
        { id, type: EXPORT, phase: 'pre_exec', action: { name: EXPORT }, ...whose(client), metadata },
        reportedBy(client),
      );
      return { id: receipt.id };
    },
    async 'export.end'({ id, parent, ...end }, client) {
      const receipt = await recorder.record(
        { id, type: EXPORT, phase: 'post_exec', parent_id: parent, ...endOf(end) },
        reportedBy(client),
      );
      return { id: receipt.id };
    },
    async 'log.read'(metadata, client) {
      const { id } = await recorder.record(
        { type: READ, phase: 'point', ...whose(client), metadata },
        reportedBy(client),
      );
      return { id };
    },
  };
}

function endOf(end: Omit<OpParams<'export.end'>, 'id' | 'parent'>): Pick<Event, 'outcome' | 'metadata'> {
  const { status, duration_ms, bytes, sha256, error_kind, error, ...counts } = end;
  return {
    outcome: {
      status,
      duration_ms,
      bytes_out: bytes,
      ...(sha256 === undefined ? {} : { result_hash: sha256 }),
      ...(error_kind === undefined ? {} : { error_kind }),
      ...(error === undefined ? {} : { error }),
    },
    metadata: counts,
  };
}
