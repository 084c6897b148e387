/** Which terminal this process belongs to, so that an unlock in one is none in another. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Linux: the session, its terminal and the start of its leader, so that a reused process id is another session.
 * Elsewhere: the terminal that `ps` names. Without either, the parent process.
 */
export function terminalId(): string {
  const own = procStat('self');
  if (own !== undefined) {
    const [, , , session = '', terminal = ''] = own;
    const leader = procStat(session);
    return `session ${session} terminal ${terminal} since ${leader?.[19] ?? 'unknown'}`;
  }
  try {
    const terminal = execFileSync('ps', ['-o', 'tty=', '-p', String(process.pid)], {
      encoding: 'utf8',
      timeout: 2000,
    });
    return `terminal ${terminal.trim()}`;
  } catch {
    // Neither /proc nor ps: an unlock then holds for the commands of one shell.
    return `parent ${process.ppid}`;
  }
}

/** proc_pid_stat(5) from field 3 (state) on: the name before it may hold spaces and parentheses. */
function procStat(pid: string): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
