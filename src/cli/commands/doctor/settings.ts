import { compilePolicy } from '../../../core/policy/load.ts';
import { loadConfig } from '../../../open/config.ts';
import { TENANT } from '../../../paths.ts';
import type { OpResults } from '../../../recorder/ops.ts';
import type { Context } from '../../context.ts';
import { counted, oneLine } from '../../facts.ts';
import { readPolicyText } from '../policy/file.ts';
import { type Check, fail, ok, quoted, warn } from './check.ts';
import { hint, why } from './keys.ts';

export function checkConfig(context: Context): Check {
  try {
    const { allow_observe, failureModes = {} } = loadConfig(context.paths.configFile);
    const open = Object.entries(failureModes).flatMap(([surface, mode]) =>
      mode === 'open' ? [surface] : [],
    );
    if (open.length > 0)
      return warn(
        'config',
        `failure_modes: ${open.join(' and ')} ${open.length === 1 ? 'goes' : 'go'} on when nothing can be recorded`,
        'that is what config.yaml says; closed is the default',
      );
    return ok(
      'config',
      allow_observe ? 'allow_observe is on: a policy in observe mode stops nothing' : 'good',
    );
  } catch (error) {
    return fail('config', why(error), hint(error) ?? 'mend the file');
  }
}

export async function checkPolicy(
  context: Context,
  running: OpResults['status'] | undefined,
): Promise<Check> {
  const file = context.paths.policyFile;
  try {
    const { compiled, hash } = compilePolicy(await readPolicyText(context, file), { id: TENANT });
    const told = `version ${compiled.version}, ${counted(compiled.allowlist.length, 'host')}`;
    if (running !== undefined && running.policy.hash !== hash) {
      return warn(
        'policy',
        `${told}; the recorder decides by version ${running.policy.version}`,
        `tally policy set ${quoted(file)}`,
      );
    }
    if (compiled.allowlist.length === 0) {
      return warn(
        'policy',
        `version ${compiled.version}: the allowlist is empty, every call is stopped`,
        'tally policy allow HOST',
      );
    }
    return ok('policy', told);
  } catch (error) {
    return fail('policy', oneLine(why(error)), hint(error) ?? `mend ${file}; check it: tally policy check`);
  }
}
