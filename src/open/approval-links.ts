/**
 * Tells people of requests for approval, each by a link of their own, on the ways that alerts take. What waits is read
 * from the log, so nothing is kept beside it: after a start everybody is told again of what still waits.
 */
import type { Vault } from '../capture/secrets/vault.ts';
import { type LinkSigner, linkSigner } from '../core/approval-link.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import type { Approval } from '../core/governance/approvals.ts';
import { storedMasterKey } from '../home.ts';
import type { Paths } from '../paths.ts';
import type { ListedApproval } from '../recorder/governance-ops.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import type { Handle } from '../recorder/requests.ts';
import { createDeliveries, type Deliveries, type DeliveryWords } from '../sink/deliveries.ts';
import type { AskedFor, Destination, Message } from '../sink/driver.ts';
import type { ApprovalSettings, DestinationSetting } from '../sink/setting.ts';
import { destinationOpener, givingUp } from './delivering.ts';

/** The signer of this machine's links: the key is made of its master key. */
export async function openLinkSigner(paths: Paths): Promise<LinkSigner> {
  const key = await storedMasterKey(paths);
  if (key !== undefined) return linkSigner(key);
  throw new TallyError('BAD_CONFIG', 'the master key is missing, which approval links are signed with', {
    hint: 'restore keys/ from a backup',
  });
}

export interface NoticeOptions {
  readonly recorder: LocalRecorder;
  readonly handle: Handle;
  readonly vault: Pick<Vault, 'get'>;
  readonly signer: LinkSigner;
  /** `http://127.0.0.1:PORT` of this recorder. */
  readonly origin: string;
  /** Read anew whenever somebody is told; throws BAD_CONFIG. */
  readonly settings: () => {
    readonly approvals: ApprovalSettings;
    readonly destinations: readonly DestinationSetting[];
  };
  readonly now: () => number;
  readonly onWarning: (line: string) => void;
}

export interface Notices {
  close(): Promise<void>;
}

const WORDS: DeliveryWords = {
  one: 'a request for approval',
  many: 'requests for approval',
  givenUp: () => 'it can be answered all the same: tally approvals list',
};
const MARK = 'approval.request';
const TURN_MS = 1_000;

export function startNotices(options: NoticeOptions): Notices {
  const { recorder, handle, vault, signer, now, onWarning } = options;
  const told = new Set<string>();
  let telling: Promise<void> = Promise.resolve();

  const open = destinationOpener(vault, now);
  function destinationOf(setting: DestinationSetting): Destination {
    const destination = open(setting);
    return {
      ...destination,
      async deliver(message, signal) {
        // What nobody can answer any more is not worth telling.
        if (statusOf(message.id) === 'pending') await destination.deliver(message, signal);
      },
    };
  }

  function statusOf(id: string): string | undefined {
    const approval = recorder.approvals.find(id);
    return approval && recorder.approvals.status(approval);
  }

  const deliveries: Deliveries = createDeliveries(
    {
      words: WORDS,
      destinations() {
        const { approvals, destinations } = options.settings();
        const wanted = new Set(approvals.notify?.map(({ destination }) => destination));
        return destinations
          .filter(({ name }) => wanted.has(name))
          .map((setting) => ({ setting, destination: destinationOf(setting) }));
      },
      async message(index) {
        const approval = recorder.approvals.list().find((one) => one.index === index);
        return approval && messageOf(approval);
      },
      // What waits for a person is in the log, and is told again after a start.
      save: async () => undefined,
      gaveUp: givingUp(recorder, 'approval'),
      now,
      random: Math.random,
      onWarning,
    },
    { format: 1, reached: 0, waiting: [], dead: [] },
  );

  async function messageOf(approval: Approval): Promise<Message | undefined> {
    const { approvals } = options.settings();
    const listed = (await handle('approval.list', { id: approval.id }, { surface: 'http' })).approvals[0];
    if (listed === undefined) return undefined;
    const base = approvals.url?.replace(/\/+$/, '') ?? options.origin;
    // A person answers a request, and its own end is the link's.
    const endsMs = Date.parse(listed.expires_at);
    const to = new Map(
      (approvals.notify ?? []).map(({ destination, approver }) => [
        destination,
        { approver, url: `${base}/a/${signer.sign({ approval: approval.id, approver, endsMs })}` },
      ]),
    );
    const { id, index, requested_at: ts } = listed;
    return { id, index, ts, log: recorder.origin, about: { asked: askedFor(listed, to) } };
  }

  async function tellAll(): Promise<void> {
    const { approvals, destinations } = options.settings();
    const known = new Set(destinations.map(({ name }) => name));
    for (const { destination } of approvals.notify ?? [])
      if (!known.has(destination))
        onWarning(`approvals.notify names ${destination}, and alerts.destinations has none of that name`);
    for (const approval of recorder.approvals.list()) {
      if (told.has(approval.id) || recorder.approvals.status(approval) !== 'pending') continue;
      told.add(approval.id);
      const message = await messageOf(approval);
      if (message !== undefined) await deliveries.send(message);
    }
    for (const id of told) if (recorder.approvals.find(id) === undefined) told.delete(id);
  }

  function tell(): void {
    telling = telling.then(tellAll).catch((error: unknown) => {
      const why = isTallyError(error) || error instanceof Error ? error.message : String(error);
      onWarning(`nobody could be told of a request for approval: ${why}`);
    });
  }

  const feed = recorder.onDurable(({ bytes }) => {
    if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(MARK)) tell();
  });
  const turns = setInterval(() => deliveries.turn(), TURN_MS);
  turns.unref();
  tell();
  return {
    async close() {
      feed.end();
      clearInterval(turns);
      await telling;
      await deliveries.close();
    },
  };
}

function askedFor(listed: ListedApproval, to: AskedFor['to']): AskedFor {
  const { action, requester, reason, message, rule, target, arguments: args, hidden, expires_at } = listed;
  const { agent_id: agent, user_id: user } = requester;
  return {
    action,
    ...(agent === undefined ? {} : { agent }),
    ...(user === undefined ? {} : { user }),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(rule === undefined ? {} : { rule }),
    ...(target === undefined ? {} : { target }),
    ...(args === undefined ? {} : { arguments: args }),
    ...(hidden === undefined ? {} : { hidden }),
    expires_at,
    to,
  };
}
