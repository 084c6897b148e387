/** What the recorder is told about a run that begins: of what the program says, what is well-formed and bounded. */
import { agentIdOf } from '../core/agent-id.ts';
import type { RunStart } from './client.ts';
import { idText, type Maker } from './parts.ts';
import type { RunOptions, TallyOptions } from './types.ts';

/** What a run is in, and what it has from there. */
export interface Above {
  readonly within: NonNullable<RunStart['within']>;
  readonly token: string | undefined;
}

/** Of an agent whose name has nothing that an id may have. */
export const UNNAMED = 'unnamed';

export function startOf(
  asked: RunOptions,
  above: Above | undefined,
  make: Maker,
  {
    options,
    command,
    token: own,
  }: {
    readonly options: TallyOptions;
    readonly command: string | undefined;
    readonly token: string | undefined;
  },
): RunStart {
  const name = asked.agent ?? options.agent;
  const agent = name === undefined ? undefined : (agentIdOf(name) ?? UNNAMED);
  // What people call it, where no id can be that.
  const called = agent === name ? undefined : make.reason(name);
  const metadata = make.free(
    asked.metadata,
    called === undefined ? {} : { agent_name: idText(called, UNNAMED) },
  );
  const risk = make.free(asked.risk);
  const reason = make.reason(asked.reason);
  const token = above === undefined ? own : above.token;
  return {
    ...(agent === undefined ? {} : { agent_id: agent }),
    ...(token === undefined ? {} : { agent_token: token }),
    ...(asked.workflow === undefined ? {} : { workflow: idText(asked.workflow, 'unnamed') }),
    ...(asked.session === undefined ? {} : { session_id: idText(asked.session, 'unnamed') }),
    ...(options.project === undefined ? {} : { project_id: options.project }),
    ...(options.environment === undefined ? {} : { environment: options.environment }),
    ...(asked.user === undefined ? {} : { user_id: asked.user }),
    ...(asked.scopes === undefined ? {} : { scopes: [...asked.scopes] }),
    ...(asked.contract === undefined ? {} : { contract: asked.contract }),
    ...(reason === undefined ? {} : { reason }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(risk === undefined ? {} : { risk }),
    ...(command === undefined ? {} : { command }),
    ...(above === undefined ? {} : { within: above.within }),
  };
}
