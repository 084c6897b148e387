/**
 * Requests about imports: that one begins, its rows, how it ended. A row is what a file says; the writer adds that it was
 * imported, by which import, and that nobody checked it.
 */
import type { Actor, Decision, Event, Outcome } from '../core/entry.ts';
import { TallyError } from '../core/error.ts';
import { isImportable } from '../core/import/types.ts';
import { isObject } from '../core/query/fields.ts';
import type { Producer } from './api.ts';
import { actorOf, doneFor, roleOf, said } from './asked.ts';
import type { Client, Handlers, ImportedRow } from './ops.ts';
import type { LocalRecorder } from './recorder.ts';

const TYPE = 'log.import';

export function importHandlers(
  recorder: LocalRecorder,
): Pick<Handlers, 'import.begin' | 'import.rows' | 'import.end'> {
  return {
    async 'import.begin'({ id, format, file }, client) {
      await recorder.record(
        {
          id,
          type: TYPE,
          phase: 'pre_exec',
          actor: { ...actorOf(client), ...roleOf(client) },
          quality: { ...said(client), metadata: 'asserted' },
          metadata: { format, file },
        },
        doneFor(client),
      );
      return { import_id: id };
    },
    async 'import.rows'({ import_id, rows }, client) {
      const events = rows.map((row) => imported(row, import_id));
      const ends = await recorder.recordAll(events, producerFor(client));
      return { rows: ends.map(told) };
    },
    async 'import.end'({ id, import_id, status, error, ...counted }, client) {
      await recorder.record(
        {
          id,
          type: TYPE,
          phase: 'post_exec',
          parent_id: import_id,
          outcome: { status, ...(error === undefined ? {} : { error }) },
          // Counted and hashed by the client, which reads the file.
          quality: { metadata: 'asserted' },
          metadata: counted,
        },
        doneFor(client),
      );
      return { id };
    },
  };
}

function producerFor({ surface }: Client): Producer {
  return { surface, assurance: 'self_reported', imported: true };
}

function told(end: Awaited<ReturnType<LocalRecorder['recordAll']>>[number]): ImportedRow {
  if ('refused' in end) return { refused: end.refused.message };
  return { index: end.receipt.index, ...(end.known ? { known: true as const } : {}) };
}

/** Throws `BAD_EVENT` for what no import of ours sends. */
function imported(row: Event, importId: string): Event {
  const from = row.metadata?.imported;
  if (row.id === undefined || !isObject(from) || !isImportable(row.type)) {
    throw new TallyError('BAD_EVENT', `not a row of an import: ${row.type}`, {
      hint: 'rows have an id, metadata.imported and a type that files may tell of; tally import makes them',
    });
  }
  const { actor, decision, outcome, quality, ...facts } = row;
  const members = Object.keys(quality ?? {}).map((member) => [member, 'asserted'] as const);
  return {
    ...facts,
    ...(actor === undefined ? {} : { actor: saidActor(actor) }),
    ...(decision === undefined ? {} : { decision: saidDecision(decision) }),
    ...(outcome === undefined ? {} : { outcome: saidOutcome(outcome) }),
    quality: { ...Object.fromEntries(members), 'metadata.imported': 'asserted' },
    metadata: { ...row.metadata, imported: { ...from, import: importId } },
  };
}

/** What only a check may say stays out: another machine made it, if any. */
function saidActor({ agent_token_id: _token, identity_level: _level, role: _role, ...actor }: Actor): Actor {
  return { ...actor, identity_level: actor.agent_id === undefined ? 'anonymous' : 'declared' };
}

/**
 * What was decided and why, as the file says it. Policies and snapshots of another log are not in this one, and an entry
 * must not seem to cite one of ours; which layers ran, and that it was enforced, is evidence, and nobody here saw it.
 */
function saidDecision({ outcome, reason, message, layer, rule }: Decision): Decision {
  return {
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(layer === undefined ? {} : { layer }),
    ...(rule === undefined ? {} : { rule }),
    layers: [],
  };
}

/** That an end came late is said of recorders, and its redaction was another program's. */
function saidOutcome({ late: _late, redaction: _redaction, ...outcome }: Outcome): Outcome {
  return outcome;
}
