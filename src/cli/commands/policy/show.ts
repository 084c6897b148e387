import { compilePolicy } from '../../../core/policy/load.ts';
import { TENANT } from '../../../paths.ts';
import type { Context } from '../../context.ts';
import { safe, safeJsonText, toJson } from '../../output/safe.ts';
import { askRunning } from '../../running.ts';
import { readPolicyText } from './file.ts';

/** Shown as it stands on disk; a running recorder says whether it decides by it. */
export async function show(context: Context, json: boolean): Promise<void> {
  const { policyFile } = context.paths;
  const text = await readPolicyText(context, policyFile);
  const status = await askRunning(context, (ask) => ask('status', {}));
  const inForce = status?.policy;
  if (json) {
    const { compiled, hash } = compilePolicy(text, { id: TENANT });
    const force = inForce === undefined ? {} : { in_force: { ...inForce, same: inForce.hash === hash } };
    await context.stdout.line(
      toJson({ file: policyFile, version: compiled.version, hash, ...force, compiled }),
    );
    return;
  }
  const { dim, yellow } = context.stderr.style;
  await context.stderr.line(dim(`# ${policyFile}`));
  await context.stdout.write(text.split('\n').map(shownLine).join('\n'));
  if (inForce === undefined)
    return context.stderr.line(dim('# no recorder runs; it is read at the next start'));
  const same = hashOf(text) === inForce.hash;
  if (same) return context.stderr.line(dim(`# in force: version ${safe(inForce.version)}`));
  return context.stderr.line(
    yellow(
      `# NOT in force: the recorder decides by version ${safe(inForce.version)}. Check it: tally policy check`,
    ),
  );
}

/** Tabs and everything a person may have written stay; what a terminal would obey does not. */
function shownLine(line: string): string {
  return line
    .split('\t')
    .map((part) => safe(safeJsonText(part)))
    .join('\t');
}

function hashOf(text: string): string | undefined {
  try {
    return compilePolicy(text, { id: TENANT }).hash;
  } catch {
    // It does not compile, so it cannot be the one in force; `policy check` says why.
    return undefined;
  }
}
