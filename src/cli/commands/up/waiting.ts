/**
 * Tells the terminal of `tally up` that a call waits for a person. Its caller is held for seconds (`approvals.hold`) and
 * cannot say so itself: without this a person finds out when it is over.
 */
import type { Session } from '../../../open.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import { formatRecent } from '../../output/time.ts';
import { shortId, whatIsAsked, whoAsks } from '../approvals/words.ts';

const MARK = 'approval.request';
const LOOK_MS = 500;
/** At one look: an agent that asks in a loop does not push everything else off the screen. */
const MOST_TOLD = 5;

/** Each request once, also one that waited before the start. */
export function tellWaiting(context: Context, { recorder, handle }: Session): { close(): void } {
  if (recorder === undefined || handle === undefined) return { close: () => undefined };
  const { now, stderr } = context;
  const { approvals } = recorder;
  const { dim, yellow } = stderr.style;
  let told = new Set<string>();

  async function look(): Promise<void> {
    const waiting = approvals.list().filter((one) => approvals.status(one) === 'pending');
    const fresh = waiting.filter(({ id }) => !told.has(id));
    told = new Set(waiting.map(({ id }) => id));
    for (const { id } of fresh.slice(0, MOST_TOLD)) {
      const [one] = (await handle?.('approval.list', { id }, { surface: 'cli' }))?.approvals ?? [];
      if (one === undefined) continue;
      const at = dim(formatRecent(one.requested_at, now(), { utc: false }).slice(0, 8));
      await stderr.say(
        `${at} ${yellow('APPROVAL')} ${safe(whoAsks(one))} asks for ${safe(whatIsAsked(one))} (tally approvals show ${shortId(id)})`,
      );
    }
    if (fresh.length > MOST_TOLD)
      await stderr.say(
        `${counted(fresh.length - MOST_TOLD, 'more call')} waiting: tally approvals list`,
        dim,
      );
  }

  let asked = true;
  const feed = recorder.onDurable(({ bytes }) => {
    asked ||= Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(MARK);
  });
  let busy = false;
  const timer = setInterval(() => {
    if (busy || !asked) return;
    busy = true;
    asked = false;
    look()
      .catch((error: unknown) =>
        context.warn(
          `who waits for an approval cannot be told: ${error instanceof Error ? error.message : String(error)}`,
        ),
      )
      .finally(() => {
        busy = false;
      });
  }, LOOK_MS);
  timer.unref();
  return {
    close() {
      feed.end();
      clearInterval(timer);
    },
  };
}
