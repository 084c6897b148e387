/** URLs that are written into the configuration: of the web, and without a password that every report would show. */
import { z } from 'zod';

function isWebUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
}

/** A password in a URL would come to stand in lists, in error messages and in entries. */
function hasNoCredentials(text: string): boolean {
  const url = URL.parse(text);
  return url === null || (url.username === '' && url.password === '' && url.hash === '');
}

export const WebUrlSchema = z
  .string()
  .max(2_048)
  .refine(isWebUrl, 'an http or https URL')
  .refine(hasNoCredentials, 'a URL without user, password and fragment');
