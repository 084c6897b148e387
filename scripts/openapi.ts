/**
 * Writes the description of the API that is generated from its code (spec/openapi.json). A test fails when it is out of
 * date: `node scripts/openapi.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { openApi } from '../src/server/api/openapi.ts';

export const OPENAPI_FILE = new URL('../spec/openapi.json', import.meta.url);

export function openApiText(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return `${JSON.stringify(openApi(version), undefined, 2)}\n`;
}

if (import.meta.main) writeFileSync(OPENAPI_FILE, openApiText());
