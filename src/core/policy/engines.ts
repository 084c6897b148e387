/**
 * The layers of each version of the evaluator. A decision names the engine that made it, and is made again by that one:
 * a layer that came later must not be found missing in what was recorded before.
 */
import type { LayerResult } from '../entry.ts';
import type { Layer } from './layer.ts';
import { allowlistLayer, allowlistLayer1, allowlistLayer2 } from './layers/allowlist.ts';
import { approvalLayer } from './layers/approval.ts';
import { budgetsLayer } from './layers/budgets.ts';
import { capabilityLayer, capabilityLayer2 } from './layers/capability.ts';
import { credentialLayer } from './layers/credential.ts';
import { delegationLayer } from './layers/delegation.ts';
import { identityLayer } from './layers/identity.ts';
import { killSwitchLayer } from './layers/kill-switch.ts';
import { limitsLayer } from './layers/limits.ts';
import { membershipLayer } from './layers/membership.ts';
import { permissionLayer } from './layers/permission.ts';
import { rulesLayer } from './layers/rules.ts';
import { scopesLayer } from './layers/scopes.ts';

export type EngineName = 'tally-policy/1' | 'tally-policy/2' | 'tally-policy/3';

/** A layer with what a decision records of it where it has nothing to say: the same for every call. */
export interface Stage {
  readonly layer: Layer;
  readonly passed: LayerResult;
  readonly skipped: LayerResult;
}

const stage = (layer: Layer): Stage => ({
  layer,
  passed: Object.freeze({ layer: layer.name, result: 'pass' }),
  skipped: Object.freeze({ layer: layer.name, result: 'skip' }),
});

/** The order of engines 2 and 3, which differ in what they say of a CONNECT. */
const layersWith = (capability: Layer, allowlist: Layer): readonly Stage[] =>
  [
    killSwitchLayer,
    identityLayer,
    membershipLayer,
    capability,
    delegationLayer,
    scopesLayer,
    allowlist,
    credentialLayer,
    permissionLayer,
    rulesLayer,
    limitsLayer,
    budgetsLayer,
    approvalLayer,
  ].map(stage);

export const ENGINES: { readonly [name in EngineName]: readonly Stage[] } = {
  'tally-policy/1': [identityLayer, allowlistLayer1, credentialLayer].map(stage),
  'tally-policy/2': layersWith(capabilityLayer2, allowlistLayer2),
  'tally-policy/3': layersWith(capabilityLayer, allowlistLayer),
};

export const isEngine = (name: string): name is EngineName => Object.hasOwn(ENGINES, name);
