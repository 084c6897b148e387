/**
 * Every limit of the product with the reason for its value, in tables by subject. A limit that is in none of them does
 * not exist; a limit that is reached is always told to the caller. Units are in the names.
 */
import { ALERT_LIMITS } from './limits/alert.ts';
import { ANCHOR_LIMITS } from './limits/anchor.ts';
import { API_LIMITS } from './limits/api.ts';
import { BROKER_LIMITS } from './limits/broker.ts';
import { GOVERNANCE_LIMITS } from './limits/governance.ts';
import { HOOK_LIMITS } from './limits/hook.ts';
import { LOG_LIMITS } from './limits/log.ts';
import { MCP_LIMITS } from './limits/mcp.ts';
import { OTLP_LIMITS } from './limits/otlp.ts';
import { PLUGIN_LIMITS } from './limits/plugins.ts';
import { POLICY_LIMITS } from './limits/policy.ts';
import { PROVIDER_LIMITS } from './limits/providers.ts';
import { QUERY_LIMITS } from './limits/query.ts';
import { RECORDER_LIMITS } from './limits/recorder.ts';
import { SDK_LIMITS } from './limits/sdk.ts';
import { SECRET_LIMITS } from './limits/secrets.ts';
import { TRACE_LIMITS } from './limits/trace.ts';

export const LIMITS = {
  ...LOG_LIMITS,
  ...RECORDER_LIMITS,
  ...BROKER_LIMITS,
  ...QUERY_LIMITS,
  ...ANCHOR_LIMITS,
  ...ALERT_LIMITS,
  ...POLICY_LIMITS,
  ...API_LIMITS,
  ...GOVERNANCE_LIMITS,
  ...PROVIDER_LIMITS,
  ...SECRET_LIMITS,
  ...TRACE_LIMITS,
  ...SDK_LIMITS,
  ...PLUGIN_LIMITS,
  ...MCP_LIMITS,
  ...HOOK_LIMITS,
  ...OTLP_LIMITS,
} as const;
