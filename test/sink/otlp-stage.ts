/** Logs whose entries are sent somewhere, and what came there. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSession, type Session } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import type { OtlpForward } from '../../src/sink/otlp/setting.ts';

export interface Home {
  /** How far the collector is. */
  readonly position: string;
  open(forward: () => OtlpForward | undefined, segmentEntries?: number): Promise<Session>;
  readonly warnings: string[];
}

export async function home(t: TestContext): Promise<Home> {
  const state = await mkdtemp(join(tmpdir(), 'tally-otlp-'));
  const open: Session[] = [];
  t.after(async () => {
    for (const session of open) await session.close('test').catch(() => undefined);
    await rm(state, { recursive: true, force: true });
  });
  const warnings: string[] = [];
  return {
    warnings,
    position: join(state, 'otlp', 'local', 'position.json'),
    async open(forward, segmentEntries) {
      const session = await openSession({
        paths: locate({
          env: { TALLY_HOME: state, XDG_RUNTIME_DIR: state },
          home: state,
          tmp: state,
          uid: 0,
        }),
        client: { surface: 'sdk' },
        onWarning: (line) => void warnings.push(line),
        require: 'writer',
        otlp: { forward },
        ...(segmentEntries === undefined ? {} : { segmentEntries }),
      });
      open.push(session);
      return session;
    },
  };
}

export async function note(session: Session, n: number): Promise<string> {
  const { id } = await session.ask('record', {
    event: {
      type: 'step.note',
      phase: 'point',
      metadata: { n },
      payload: { media_type: 'text/plain', class: 'note', data: `content ${n}` },
    },
  });
  return id;
}

export async function until(what: () => boolean, words: () => string): Promise<void> {
  const end = Date.now() + 20_000;
  while (!what()) {
    assert.ok(Date.now() < end, words());
    await sleep(20);
  }
}

export interface Record {
  readonly body: { readonly stringValue: string };
  readonly eventName: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly intValue?: string } }[];
}

/** All records that came, as they came. */
export function recordsOf(got: readonly { readonly body: string }[]): readonly Record[] {
  return got.flatMap(({ body }) => {
    const { resourceLogs } = JSON.parse(body) as {
      resourceLogs: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly Record[] }[] }[];
    };
    return resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
  });
}

export const indexesOf = (records: readonly Record[]): readonly number[] =>
  records.map(({ attributes }) =>
    Number(attributes.find(({ key }) => key === 'tallystick.index')?.value.intValue),
  );
