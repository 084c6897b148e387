/**
 * The commands, in the order of the help. Each is loaded only when it is called. To add one: a line here, and
 * `commands/<name>.ts` with `export function build(context: Context): Command`.
 */
import type { CommandEntry } from './command.ts';

// biome-ignore format: one line a command
export const COMMANDS: readonly CommandEntry[] = [
  { name: 'up', summary: 'start the recorder and the broker', group: 'Record:', load: () => import('./commands/up.ts') },
  { name: 'down', summary: 'end what tally up started', group: 'Record:', load: () => import('./commands/down.ts') },
  { name: 'run', summary: 'record an agent: tally run -- COMMAND', group: 'Record:', load: () => import('./commands/run.ts') },
  { name: 'mcp', summary: 'record an MCP server: tally mcp wrap -- COMMAND', group: 'Record:', load: () => import('./commands/mcp.ts') },
  { name: 'call', summary: 'one recorded call with a named credential', group: 'Record:', load: () => import('./commands/call.ts') },
  { name: 'demo', summary: 'a recorded session and four attempts to falsify it', group: 'Record:', load: () => import('./commands/demo.ts') },
  { name: 'import', summary: 'bring in the records of other programs', group: 'Record:', load: () => import('./commands/import.ts') },
  { name: 'log', summary: 'list, show, follow, publish the log', group: 'Read:', load: () => import('./commands/log.ts') },
  { name: 'verify', summary: 'prove that nothing was altered (short for log verify)', group: 'Read:', load: () => import('./commands/verify.ts') },
  { name: 'baseline', summary: 'what an agent usually does, and how now differs', group: 'Read:', load: () => import('./commands/baseline.ts') },
  { name: 'audit', summary: 'who used which secret, and what came of it', group: 'Read:', load: () => import('./commands/audit.ts') },
  { name: 'redact', summary: 'take secrets and personal data out of a text', group: 'Read:', load: () => import('./commands/redact.ts') },
  { name: 'key', summary: 'the public keys that verify this log', group: 'Read:', load: () => import('./commands/key.ts') },
  { name: 'status', summary: 'whether it runs, and what is signed and in force', group: 'Manage:', load: () => import('./commands/status.ts') },
  { name: 'doctor', summary: 'what is wrong, and the command that mends it', group: 'Manage:', load: () => import('./commands/doctor.ts') },
  { name: 'ca', summary: 'what programs have to trust to be recorded over https', group: 'Manage:', load: () => import('./commands/ca.ts') },
  { name: 'init', summary: 'set up this machine', group: 'Manage:', load: () => import('./commands/init.ts') },
  { name: 'policy', summary: 'what agents may do', group: 'Manage:', load: () => import('./commands/policy.ts') },
  { name: 'secrets', summary: 'credentials that agents name and never see', group: 'Manage:', load: () => import('./commands/secrets.ts') },
  { name: 'agent', summary: 'agents and their tokens', group: 'Manage:', load: () => import('./commands/agent.ts') },
  { name: 'witness', summary: 'have this log cosigned, or cosign the logs of others', group: 'Manage:', load: () => import('./commands/witness.ts') },
  { name: 'anchor', summary: 'evidence outside of this machine', group: 'Manage:', load: () => import('./commands/anchor.ts') },
  { name: 'index', summary: 'what makes the log quick to ask, made again at any time', group: 'Manage:', load: () => import('./commands/index.ts') },
  { name: 'alerts', summary: 'what the rules tell of, and where it goes', group: 'Manage:', load: () => import('./commands/alerts.ts') },
  { name: 'retain', summary: 'how long entries and payloads are kept, and what would go', group: 'Manage:', load: () => import('./commands/retain.ts') },
  { name: 'erase', summary: 'erase payloads by destroying their keys', group: 'Manage:', load: () => import('./commands/erase.ts') },
  { name: 'approvals', summary: 'what waits for a person to say yes or no', group: 'Manage:', load: () => import('./commands/approvals.ts') },
  { name: 'kill', summary: 'switch agents off, from the next call on', group: 'Manage:', load: () => import('./commands/kill.ts') },
  { name: 'hold', summary: 'legal holds: neither pruned nor erased', group: 'Manage:', load: () => import('./commands/hold.ts') },
  { name: 'operator', summary: 'the passphrase of who may change all this', group: 'Manage:', load: () => import('./commands/operator.ts') },
  { name: 'install', summary: 'have other programs use tally', group: 'Manage:', load: () => import('./commands/install.ts') },
  { name: 'uninstall', summary: 'take that back', group: 'Manage:', load: () => import('./commands/uninstall.ts') },
  { name: 'hook', summary: 'what hooks of other programs run', group: 'Manage:', load: () => import('./commands/hook.ts') },
  { name: 'completion', summary: 'for bash, zsh and fish', group: 'Manage:', load: () => import('./commands/completion.ts') },
];
