/** Where things are. XDG directories on every Unix; TALLY_HOME puts everything under one directory. */
import { join } from 'node:path';
import { sha256Hex } from './core/hash.ts';

export interface Paths {
  /** `config.yaml`: what this machine allows (failure modes, observe); never read from a working tree. */
  readonly configFile: string;
  readonly policyFile: string;
  /** Holds logs/ heads/ keys/ vault/ registry/. 0700. */
  readonly state: string;
  readonly logs: string;
  readonly heads: string;
  readonly keys: string;
  readonly vault: string;
  readonly registry: string;
  /** 0700, short: sockets and per-terminal unlocks. */
  readonly runtime: string;
  readonly socket: string;
  /** The broker’s. */
  readonly proxySocket: string;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly tmp: string;
  readonly uid: number;
}

export const TENANT = 'local';

/** A variable that is empty says no more than one that is not there; a log below "" would lie wherever somebody stands. */
const set = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

export function locate({ env, home, tmp, uid }: Surroundings): Paths {
  const root = set(env.TALLY_HOME);
  const config = root ?? join(set(env.XDG_CONFIG_HOME) ?? join(home, '.config'), 'tallystick');
  const state = root ?? join(set(env.XDG_STATE_HOME) ?? join(home, '.local', 'state'), 'tallystick');
  const runtimeBase = set(env.XDG_RUNTIME_DIR);
  const runtime =
    runtimeBase === undefined ? join(tmp, `tallystick-${uid}`) : join(runtimeBase, 'tallystick');
  // A hash keeps the path short whatever TALLY_HOME is: the kernel allows 107 bytes.
  const short = join(runtime, sha256Hex(`${state}\n${TENANT}`).slice(0, 16));
  return {
    configFile: join(config, 'config.yaml'),
    policyFile: join(config, 'tally.policy.yaml'),
    state,
    logs: join(state, 'logs'),
    heads: join(state, 'heads'),
    keys: join(state, 'keys'),
    vault: join(state, 'vault'),
    registry: join(state, 'registry'),
    runtime,
    socket: `${short}.sock`,
    proxySocket: `${short}.proxy.sock`,
  };
}
