/** The log over HTTP beside the recorder: tiles (C2SP tlog-tiles) and the live tail, for programs on this machine. */
import { TallyError } from '../../../core/error.ts';
import { openLinkSigner } from '../../../open/approval-links.ts';
import { loadConfig } from '../../../open/config.ts';
import { operatorGate } from '../../../open/operator-gate.ts';
import type { Session } from '../../../open.ts';
import type { HookEndpoint } from '../../../server/hooks.ts';
import type { OtlpEndpoint } from '../../../server/otlp/endpoint.ts';
import { serveTiles, type TileServer } from '../../../server/tiles-http.ts';
import { fileSlices } from '../../../store/file/slices.ts';
import type { Context } from '../../context.ts';
import { portOwner } from '../../port-owner.ts';
import { uiPort } from '../../ui-port.ts';

/** `undefined` when it is switched off, or, with a warning, when its port is taken: recording matters more. */
export async function openTiles(
  context: Context,
  wanted: boolean,
  { recorder, handle }: Pick<Session, 'recorder' | 'handle'>,
  hooks?: HookEndpoint,
  otlp?: OtlpEndpoint,
): Promise<TileServer | undefined> {
  if (!wanted || loadConfig(context.paths.configFile).tiles === false) return undefined;
  const port = uiPort(context);
  const { name, reader, directory } = await context.openReader();
  const self = await selfOf(context);
  let told = false;
  try {
    return await serveTiles({
      name,
      reader,
      port,
      ...(hooks === undefined ? {} : { hooks }),
      ...(otlp === undefined ? {} : { otlp }),
      ...(recorder === undefined
        ? {}
        : {
            live: {
              name,
              origin: recorder.origin,
              signed: recorder.signed,
              onDurable: recorder.onDurable,
              slices: fileSlices(directory),
              now: context.now,
            },
          }),
      ...(recorder === undefined || handle === undefined
        ? {}
        : {
            api: {
              recorder,
              handle,
              version: context.version,
              self,
              checkOperator: operatorGate(context.paths).check,
            },
            links: {
              recorder,
              handle,
              self,
              signer: await openLinkSigner(context.paths),
              origin: () => approvalsOf(context)?.url,
            },
          }),
      onError(error) {
        // Whoever asks in a loop must not fill the screen.
        if (told) return;
        told = true;
        const why = error instanceof Error ? error.message : String(error);
        context.warn(`a request over HTTP failed: ${why} (run \`tally verify\`; told once)`);
      },
    });
  } catch (error) {
    if (!(error instanceof TallyError) || error.code !== 'ADDRESS_IN_USE') throw error;
    const owner = portOwner(port);
    const by = owner === undefined ? '' : ` by pid ${owner.pid} (${owner.command})`;
    context.warn(
      `the log and the API of decisions are not served over HTTP: port ${port} of 127.0.0.1 is taken${by}. It is recorded all the same; TALLY_UI_PORT=${port + 1} takes another port, --no-tiles needs none`,
    );
    return undefined;
  }
}

/** The user that this recorder runs as: who its own processes speak for. */
export async function selfOf(context: Context): Promise<{ readonly user?: string; readonly uid?: number }> {
  const { user, uid } = await context.client('cli', { operator: false });
  return { ...(user === undefined ? {} : { user }), ...(uid === undefined ? {} : { uid }) };
}

/** A configuration that cannot be read is told where it is needed; until it is mended nothing but this machine's own names is let in. */
function approvalsOf({ paths }: Context) {
  try {
    return loadConfig(paths.configFile).approvals;
  } catch {
    return undefined;
  }
}
