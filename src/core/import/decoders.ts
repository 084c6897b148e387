import { agentlogsafeDecoder } from './agentlogsafe.ts';
import { agentpatternsDecoder } from './agentpatterns.ts';
import { agentsecretsDecoder } from './agentsecrets.ts';
import { claudeCodeDecoder } from './claude-code.ts';
import type { Decoder, ImportFormat } from './decoder.ts';
import { fullmaktDecoder } from './fullmakt.ts';
import { secretspecDecoder } from './secretspec.ts';

/** A fresh one: each remembers what it read of one file. */
export function decoderOf(format: ImportFormat): Decoder {
  switch (format) {
    case 'agentsecrets':
      return agentsecretsDecoder();
    case 'secretspec':
      return secretspecDecoder();
    case 'agentpatterns':
      return agentpatternsDecoder();
    case 'agentlogsafe':
      return agentlogsafeDecoder();
    case 'fullmakt':
      return fullmaktDecoder();
    case 'claude-code':
      return claudeCodeDecoder();
  }
}
