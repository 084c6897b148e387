/**
 * Serves the page on this machine: `node examples/browser-verify/serve.ts [PUBLISHED-DIRECTORY] [PORT]`. What was
 * published is then at /log, on the same server as the page, so that the page may read it.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** The verifier uses WebAssembly where it may; a page that forbids it is slower, and no less right. */
export interface PageOptions {
  readonly published?: string;
  readonly webAssembly?: boolean;
  readonly port?: number;
}

export async function servePage(options: PageOptions = {}): Promise<{ url: string; close(): Promise<void> }> {
  const { published, webAssembly = true, port = 0 } = options;
  const page = await readFile(join(HERE, 'index.html'), 'utf8');
  const importMap = /<script type="importmap">([\s\S]*?)<\/script>/.exec(page)?.[1] ?? '';
  const hash = createHash('sha256').update(importMap).digest('base64');
  const scripts = `script-src 'self' 'sha256-${hash}'${webAssembly ? " 'wasm-unsafe-eval'" : ''}`;
  const policy = `default-src 'none'; ${scripts}; style-src 'self'; connect-src *; base-uri 'none'; form-action 'none'`;

  /** Where the file of a request lies, if it may be had. */
  function locate(path: string): string | undefined {
    const folders: readonly (readonly [prefix: string, folder: string | undefined])[] = [
      ['/dist/', join(ROOT, 'dist')],
      ['/node_modules/@noble/', join(ROOT, 'node_modules/@noble')],
      ['/log/', published],
      ['/', HERE],
    ];
    for (const [prefix, folder] of folders) {
      if (!path.startsWith(prefix)) continue;
      if (folder === undefined) return undefined;
      const file = resolve(folder, path === '/' ? 'index.html' : path.slice(prefix.length));
      return file.startsWith(resolve(folder) + sep) ? file : undefined;
    }
    return undefined;
  }

  const server: Server = createServer(async (request, response) => {
    // A page of another site, whose name was made to resolve to this machine, sends its own name.
    const { port } = server.address() as AddressInfo;
    const honest = [`127.0.0.1:${port}`, `localhost:${port}`].includes(request.headers.host ?? '');
    const url = URL.parse(request.url ?? '/', `http://127.0.0.1:${port}`);
    const file = honest && url !== null ? locate(url.pathname) : undefined;
    const bytes = file === undefined ? undefined : await readFile(file).catch(() => undefined);
    if (file === undefined || bytes === undefined) return response.writeHead(404).end();
    response.writeHead(200, {
      'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
      'Content-Security-Policy': policy,
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-cache',
    });
    return response.end(bytes);
  });
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , published, port] = process.argv;
  const { url } = await servePage({
    ...(published === undefined ? {} : { published: resolve(published) }),
    port: Number(port ?? 8080),
  });
  process.stdout.write(`${url}${published === undefined ? '' : `   the log: ${url}log`}\n`);
}
