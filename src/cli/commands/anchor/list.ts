import { loadConfig } from '../../../open/config.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';
import { plainText } from '../../output/style.ts';
import { layOut } from '../../output/table.ts';
import { askRunning } from '../../running.ts';
import { signedSize } from '../../signed-size.ts';
import { anchorStatuses, anchorText, anchorTrouble } from '../status/anchors.ts';

export async function list(context: Context, options: { readonly json?: boolean }): Promise<void> {
  const { stdout } = context;
  const running = await askRunning(context, (ask) => ask('status', {}));
  const { directory, reader } = await context.openReader();
  const signed = running?.signed ?? (await signedSize(reader));
  const anchors = await anchorStatuses(context, { directory, signed }, running?.anchors);
  const { witness_quorum } = loadConfig(context.paths.configFile);
  if (options.json === true) {
    return stdout.line(toJson({ anchors, ...(witness_quorum === undefined ? {} : { witness_quorum }) }));
  }
  if (anchors.length === 0) {
    return context.stderr.line(
      'No anchor is configured. tally anchor add --help shows an example of each type.',
    );
  }
  const rows = anchors.map((anchor) => [
    { text: anchor.name },
    { text: anchor.type },
    { text: safe(anchor.place) },
    {
      text: plainText(anchorText(anchor, stdout.style)),
      ...(anchor.failing === undefined ? {} : { paint: stdout.style.red }),
    },
  ]);
  const columns = [
    { header: 'NAME', shrinkTo: 8 },
    { header: 'TYPE' },
    { header: 'WHERE', shrinkTo: 16, cut: 'middle', optional: 1 },
    { header: 'STANDS AT', shrinkTo: 24, weight: 2 },
  ] as const;
  const layout = layOut(columns, rows, stdout.width);
  await stdout.line(layout.header(stdout.style.dim));
  for (const [i, row] of rows.entries()) {
    await stdout.line(layout.row(row));
    const trouble = anchors[i] === undefined ? undefined : anchorTrouble(anchors[i]);
    if (trouble !== undefined) await stdout.line(stdout.style.red(`  ${trouble}`));
  }
  if (witness_quorum !== undefined)
    await stdout.line(
      stdout.style.dim(
        `${witness_quorum} ${witness_quorum === 1 ? 'witness has' : 'witnesses have'} to cosign`,
      ),
    );
}
