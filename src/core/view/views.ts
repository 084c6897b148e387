/** The published formats by their names, as `--view` takes them. */
import { agentlogsafe } from './agentlogsafe.ts';
import { agentpatterns } from './agentpatterns.ts';
import { agentsecrets } from './agentsecrets.ts';
import { fullmakt } from './fullmakt.ts';
import { otlp } from './otlp.ts';
import { secretspec } from './secretspec.ts';
import type { View } from './view.ts';

export const VIEW_NAMES = [
  'agentsecrets',
  'secretspec',
  'agentpatterns',
  'agentlogsafe',
  'fullmakt',
  'otlp',
] as const;
export type ViewName = (typeof VIEW_NAMES)[number];

export const VIEWS: Readonly<Record<ViewName, View>> = {
  agentsecrets,
  secretspec,
  agentpatterns,
  agentlogsafe,
  fullmakt,
  otlp,
};
