/**
 * The sessions of a gateway: one for each `Mcp-Session-Id` that the upstream gave out, and one for all clients of a server
 * that keeps none. Each is a run of its own, so that its budget and its end are its own.
 */
import { LIMITS } from '../../../core/limits.ts';
import type { McpSession } from '../session.ts';

export interface Opened {
  readonly session: McpSession;
  /** It is over: what is open ends, and so does its run. */
  close(why: string): Promise<void>;
}

export interface GatewaySessions {
  /** Of a request. `begins`: it is an `initialize`, whose answer will say what the session is called. */
  of(id: string | undefined, begins: boolean): Promise<Opened>;
  /** The upstream has answered an `initialize`. */
  named(opened: Opened, id: string | undefined): void;
  end(id: string, why: string): Promise<void>;
  /** One that never had an id is over. */
  forget(opened: Opened, why: string): Promise<void>;
  closeAll(why: string): Promise<void>;
}

interface Held {
  readonly opened: Promise<Opened>;
  usedAt: number;
}

/** `clock`: monotonic milliseconds. */
export function createGatewaySessions(open: () => Promise<Opened>, clock: () => number): GatewaySessions {
  const byId = new Map<string, Held>();
  let shared: Held | undefined;
  const begun = new Set<Opened>();
  const sweeping = setInterval(() => void sweep(), LIMITS.mcpSessionIdleMs / 10);
  sweeping.unref();

  async function sweep(): Promise<void> {
    const before = clock() - LIMITS.mcpSessionIdleMs;
    for (const [id, { opened, usedAt }] of byId) {
      if (usedAt > before) continue;
      byId.delete(id);
      await (await opened.catch(() => undefined))?.close('the session was silent for long');
    }
  }

  /** A start that failed is tried again by the next request. */
  function hold(into: (held: Held | undefined) => void): Held {
    const held: Held = { opened: open(), usedAt: clock() };
    into(held);
    held.opened.catch(() => into(undefined));
    return held;
  }

  return {
    async of(id, begins) {
      if (id !== undefined) {
        const known = byId.get(id);
        if (known === undefined) await makeRoom();
        // The upstream may know it from before this gateway began.
        const held =
          byId.get(id) ?? hold((one) => void (one === undefined ? byId.delete(id) : byId.set(id, one)));
        held.usedAt = clock();
        return held.opened;
      }
      if (!begins) {
        shared ??= hold((one) => {
          shared = one;
        });
        shared.usedAt = clock();
        return shared.opened;
      }
      const opened = await open();
      begun.add(opened);
      return opened;
    },
    named(opened, id) {
      if (!begun.delete(opened)) return;
      const held = { opened: Promise.resolve(opened), usedAt: clock() };
      if (id !== undefined) byId.set(id, held);
      else if (shared === undefined) shared = held;
      else void opened.close('the server keeps no sessions');
    },
    async end(id, why) {
      const held = byId.get(id);
      byId.delete(id);
      await (await held?.opened.catch(() => undefined))?.close(why);
    },
    async forget(opened, why) {
      if (begun.delete(opened)) await opened.close(why);
    },
    async closeAll(why) {
      clearInterval(sweeping);
      const all = [...byId.values(), ...(shared === undefined ? [] : [shared])].map(({ opened }) => opened);
      byId.clear();
      shared = undefined;
      const open = await Promise.all(all.map((one) => one.catch(() => undefined)));
      await Promise.all([...begun, ...open].map((one) => one?.close(why)));
      begun.clear();
    },
  };

  /** Ids are the upstream's and the clients' to make up: the one that was silent for longest makes room. */
  async function makeRoom(): Promise<void> {
    if (byId.size < LIMITS.mcpSessions) return;
    const [oldest] = [...byId].sort(([, a], [, b]) => a.usedAt - b.usedAt);
    if (oldest === undefined) return;
    byId.delete(oldest[0]);
    await (await oldest[1].opened.catch(() => undefined))?.close('too many sessions');
  }
}
