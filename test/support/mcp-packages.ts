/**
 * A public MCP client and public servers, which are too large to depend on: installed once into the temporary directory.
 * Without a registry the tests that need them say so and are skipped.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PACKAGES = {
  '@modelcontextprotocol/sdk': '1.32.2',
  '@modelcontextprotocol/server-everything': '2026.8.31',
  '@modelcontextprotocol/server-filesystem': '2026.8.31',
};
const INSTALL_MS = 120_000;

export interface McpPackages {
  /** Of a module of the client. */
  client(
    module: 'client/index.js' | 'client/stdio.js' | 'client/streamableHttp.js' | 'client/sse.js',
  ): string;
  /** The program of a server. */
  server(name: 'everything' | 'filesystem'): string;
}

/** The reason when there are none. */
export async function mcpPackages(): Promise<McpPackages | string> {
  const versions = Object.values(PACKAGES).join('_');
  const home = join(tmpdir(), `tallystick-mcp-${process.getuid?.() ?? 0}-${versions}`);
  if (!existsSync(home)) {
    const making = `${home}.${process.pid}`;
    try {
      await mkdir(making, { recursive: true });
      await writeFile(
        join(making, 'package.json'),
        JSON.stringify({ private: true, dependencies: PACKAGES }),
      );
      const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
      await promisify(execFile)('npm', npm, { cwd: making, timeout: INSTALL_MS });
      // Another process may have been first: then theirs is as good.
      await rename(making, home).catch(() => undefined);
    } catch (error) {
      return `the public MCP packages cannot be installed here: ${String(error).split('\n', 1)[0]}`;
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  }
  const modules = join(home, 'node_modules', '@modelcontextprotocol');
  return {
    client: (module) => join(modules, 'sdk', 'dist', 'esm', module),
    server: (name) => join(modules, `server-${name}`, 'dist', 'index.js'),
  };
}
