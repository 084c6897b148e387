/** What a broker is made with. */
import type { Recorder } from '../../recorder/api.ts';
import type { Leaves } from '../ca/leaves.ts';
import type { CredentialSource } from '../secrets/credentials.ts';
import type { Callers } from './caller.ts';
import type { Resolve } from './resolve.ts';

export interface BrokerConfig {
  /** 0 for any free one. Default 8765. */
  readonly port?: number;
  readonly version: string;
  /** What calls belong to when no token says otherwise. */
  readonly project?: string;
  readonly environment?: string;
  /** PEM certificates that upstreams may also be signed by, beside the usual ones. */
  readonly extraCa?: readonly string[];
  /** Where the files that the policy names are looked for. Default: the working directory. */
  readonly policyDirectory?: string;
  /** A path to listen on as well. Any broker that listened there is taken for dead. */
  readonly socket?: string;
  /** Shorter times and smaller numbers, for tests. */
  readonly limits?: Partial<BrokerLimits>;
}

export type BrokerLimits = {
  readonly [K in
    | 'concurrentCalls'
    | 'requestHeadersMs'
    | 'requestBodyIdleMs'
    | 'clientStallMs'
    | 'connectMs'
    | 'upstreamHeadersMs'
    | 'upstreamIdleMs'
    | 'parsedBodyBytes'
    | 'heldCalls'
    | 'tunnels'
    | 'tunnelIdleMs'
    | 'tunnelHalfOpenMs'
    | 'tlsHandshakeMs'
    | 'tokenCheckMs'
    | 'brokerDrainMs']: number;
};

export interface BrokerOptions {
  readonly recorder: Recorder;
  /** Where credentials come from: the vault itself, or what knows of other stores too. */
  readonly vault: CredentialSource;
  readonly resolve: Resolve;
  /** Certificates for the hosts whose TLS ends here. Absent: a CONNECT to such a host is refused. */
  readonly leaves?: Leaves;
  /** Looks for the processes that call; the caller's to close. Absent: nothing is known of them. */
  readonly callers?: Pick<Callers, 'of'> | undefined;
  /** Ports of 127.0.0.1 on which this process serves something else; asked for each call. */
  readonly ownPorts?: () => ReadonlySet<number>;
  readonly config: BrokerConfig;
  /** Told of bugs of ours; the call that met one is already answered or cut. */
  readonly onError: (error: unknown) => void;
}
