/** What tallystick/auto loads when a program uses the AI SDK. */
import { createHearing } from './hearing.ts';
import { recorder } from './integration.ts';

export const { telemetry } = recorder({}, 'auto');
export const hear = createHearing({});
