/** The SDK over a real hand-over socket, in front of a recorder in memory. The recorder can go away and come back. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Entry } from '../../src/core/entry.ts';
import { ulidSource } from '../../src/core/ulid.ts';
import type { Handle } from '../../src/recorder/requests.ts';
import { createTallyWith } from '../../src/sdk/tally.ts';
import { askingClient } from '../../src/sdk/transport/asking.ts';
import { noRecorder, openSocket } from '../../src/sdk/transport/socket.ts';
import type { FailureMode, Tally, TallyOptions } from '../../src/sdk/types.ts';
import type { Lost, World } from '../../src/sdk/world.ts';
import { serveHandover } from '../../src/server/handover.ts';
import { entriesOf, machine } from '../support/recorder.ts';
import { PERSON, serve } from '../support/serve.ts';

export interface Stage {
  readonly tally: Tally;
  readonly warnings: string[];
  readonly remembered: Lost[];
  readonly handle: Handle;
  /** Entries of the SDK, or of one type. */
  entries(type?: string): readonly Entry[];
  /** Nobody listens any more; and again. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** A person grants or denies what waits. */
  answer(answer: 'grant' | 'deny'): Promise<void>;
  /** Another one, as another copy of the SDK in this process would make it. */
  another(options?: TallyOptions): Tally;
}

export async function stage(
  t: TestContext,
  options: {
    readonly policy?: string;
    readonly tally?: TallyOptions;
    readonly mode?: FailureMode;
    readonly ungoverned?: World['ungoverned'];
  } = {},
): Promise<Stage> {
  const box = await machine();
  const { recorder, handle } = await serve(box, {
    owner: { id: 'ada' },
    ...(options.policy === undefined ? {} : { policy: options.policy }),
  });
  const directory = mkdtempSync(join(tmpdir(), 'tally-sdk-'));
  const path = join(directory, 's.sock');
  const faults: unknown[] = [];
  const listen = () => serveHandover({ path, handle, onError: (error) => void faults.push(error) });
  let server: Awaited<ReturnType<typeof listen>> | undefined = await listen();
  const warnings: string[] = [];
  const remembered: Lost[] = [];
  const ulid = ulidSource((size) => randomBytes(size));
  const world: World = {
    now: Date.now,
    entryId: () => `log_${ulid(Date.now())}`,
    runId: () => `run_${ulid(Date.now())}`,
    failureMode: async () => options.mode ?? 'closed',
    ungoverned: options.ungoverned ?? (async () => undefined),
    remember(lost) {
      remembered.push(lost);
      return true;
    },
    warn: (line) => void warnings.push(line),
  };
  const tallies: Tally[] = [];
  function make(own: TallyOptions): Tally {
    const client = askingClient({
      kind: 'socket',
      async open(tell) {
        const client = { surface: 'sdk', user: 'ada', uid: 1000, pid: process.pid } as const;
        const link = await openSocket(path, client, tell);
        if (link === undefined) throw noRecorder(path);
        return link;
      },
    });
    const made = createTallyWith(
      { agent: 'bot', handleExit: false, ...own },
      { world, client, command: 'test', token: undefined, transport: () => 'socket' },
    );
    tallies.push(made);
    return made;
  }
  const tally = make(options.tally ?? {});
  t.after(async () => {
    await Promise.all(tallies.map((one) => one.close()));
    await server?.close();
    await recorder.close('the end of the test').catch(() => undefined);
    rmSync(directory, { recursive: true, force: true });
    if (faults.length > 0) throw faults[0];
  });
  return {
    tally,
    warnings,
    remembered,
    handle,
    entries: (type) =>
      entriesOf(box.disk).filter((entry) =>
        type === undefined ? entry.source.surface === 'sdk' : entry.type === type,
      ),
    async down() {
      const gone = server;
      server = undefined;
      await gone?.close();
    },
    async up() {
      server ??= await listen();
    },
    async answer(answer) {
      const { approvals } = await handle('approval.list', {}, PERSON);
      for (const { id } of approvals) await handle(`approval.${answer}`, { id }, PERSON);
    },
    another: (own = {}) => make(own),
  };
}

/** Until it holds; the file's time limit ends what never does. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
