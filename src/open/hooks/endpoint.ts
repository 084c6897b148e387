/** The hooks of Claude Code beside a recorder, wired to this machine's files. */
import { type ClaudeHooks, createClaudeHooks } from '../../capture/hook/claude-code.ts';
import type { LogReader } from '../../core/ports.ts';
import type { Paths } from '../../paths.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import type { HookEndpoint } from '../../server/hooks.ts';
import { earlierCalls, oneScanAtATime } from './earlier.ts';
import { hookFinder, type KnownHook } from './installs.ts';
import { fileTranscripts } from './transcripts.ts';

export interface HooksHere {
  readonly endpoint: HookEndpoint<KnownHook>;
  readonly state: ClaudeHooks['state'];
  close(): Promise<void>;
}

export function openHooks(options: {
  readonly recorder: LocalRecorder;
  readonly reader: LogReader;
  readonly paths: Pick<Paths, 'configFile'>;
  readonly onError: (error: unknown) => void;
}): HooksHere {
  const { recorder, reader, paths, onError } = options;
  const hooks = createClaudeHooks({
    recorder,
    transcripts: fileTranscripts,
    earlier: oneScanAtATime((calls) => earlierCalls(reader, recorder.size(), calls)),
    onError,
  });
  const finder = hookFinder(paths);
  return {
    endpoint: {
      find(token) {
        const known = finder.find(token);
        // An agent may print its own settings: the token is kept out of every entry like any other secret.
        if (known !== undefined) recorder.secrets.set('claude-code hook token', token);
        return known;
      },
      answer: hooks.answer,
      unread: hooks.unread,
    },
    state: hooks.state,
    close: hooks.close,
  };
}
