/** Records this many notes in the log of a home, as a program of this machine that is gone afterwards. */
import { openSession } from '../../src/open.ts';
import type { Home } from './home.ts';

export async function recordNotes({ paths }: Home, count: number): Promise<void> {
  const session = await openSession({
    paths,
    client: { surface: 'sdk' },
    onWarning: () => undefined,
    require: 'writer',
  });
  const event = { type: 'step.note', phase: 'point' } as const;
  await Promise.all(Array.from({ length: count }, () => session.ask('record', { event })));
  await session.close();
}
