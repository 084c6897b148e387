/** One log of two full tiles and a partial one, ways to mutilate it, and what verification says then. */
import { type LogSource, type VerifyOptions, verifyLog } from '../../../src/core/tlog/verify.ts';
import { exitCodeOf, type Report } from '../../../src/core/tlog/verify-report.ts';
import { buildLog, bytesOf, sourceOf } from './fixture.ts';

export const SIZE = 600;
export const log = buildLog(SIZE);
export const pinned = [log.signer.vkey];

export async function verify(
  lines: readonly string[],
  changes: Partial<LogSource> = {},
  options: VerifyOptions = { pinned },
): Promise<{ readonly report: Report; readonly exit: number }> {
  const report = await verifyLog(sourceOf(log, changes, bytesOf(lines)), options);
  return { report, exit: exitCodeOf(report) };
}

export const line = (index: number): string => log.lines[index] ?? '';
export const edit = (index: number, change: (line: string) => string): string[] =>
  log.lines.with(index, change(line(index)));
export const body = (text: string): string => text.replace('http.call', 'http.cAll');

export const statuses = (report: Report) => ({
  integrity: report.integrity.status,
  chain: report.chain.status,
  append_only: report.append_only.status,
  signatures: report.signatures.status,
});
