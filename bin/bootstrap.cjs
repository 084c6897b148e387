'use strict';
/**
 * Loaded into every Node program of a run by NODE_OPTIONS=--require (docs/run.md), so that its calls go through
 * the proxy that the environment names. Node itself does that from 22.21 and 24.0 on, and only for `fetch` and the global
 * agents; here are older versions, agents that a program makes for itself, and WebSockets of the package `ws`.
 *
 * It runs inside of programs of others: syntax of Node 10, nothing but Node's own modules, nothing printed, nothing
 * thrown. What it cannot set up stays as it was, and docs/run.md says that such calls may not be seen.
 */

/** An answer to CONNECT that is longer is none. */
const MOST_HEAD = 65536;
const DEFAULT_PORTS = { 'http:': 80, 'https:': 443 };

/** Without the brackets of an IPv6 address. */
const bare = (host) => (host.charAt(0) === '[' ? host.slice(1, -1) : host);

function quietly(action) {
  try {
    action();
  } catch {
    // The program goes on as it would without us.
  }
}

/** Read anew for each connection: a program may change it, as it may for every other client. */
function proxyFor(secure) {
  const { env } = process;
  const text = secure ? env.https_proxy || env.HTTPS_PROXY : env.http_proxy || env.HTTP_PROXY;
  if (!text) return undefined;
  try {
    const url = new URL(text);
    if (url.protocol !== 'http:') return undefined;
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return {
      host: bare(url.hostname),
      port: Number(url.port || 80),
      authorization: user === ':' ? undefined : `Basic ${Buffer.from(user).toString('base64')}`,
    };
  } catch {
    return undefined;
  }
}

/** NO_PROXY as Node reads it: names with or without a port; a leading dot or star means what is below. */
function isExcepted(host, port) {
  const list = process.env.no_proxy || process.env.NO_PROXY || '';
  const at = host.toLowerCase();
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '') return false;
    if (entry === '*') return true;
    const [, name, wanted] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase());
    if (wanted !== undefined && Number(wanted) !== port) return false;
    const plain = bare(name.replace(/^\*/, ''));
    return plain === at || (plain.charAt(0) === '.' && at.endsWith(plain));
  });
}

/** The proxy for a connection to there; undefined: it is made directly, as without us. */
function routeTo(secure, host, port) {
  const proxy = proxyFor(secure);
  if (proxy === undefined || (proxy.host === host && proxy.port === port)) return undefined;
  return isExcepted(host, port) ? undefined : proxy;
}

function tunnelError(message, more) {
  return Object.assign(new Error(message), { code: 'ERR_PROXY_TUNNEL' }, more);
}

function install() {
  const net = require('node:net');
  const tls = require('node:tls');
  const http = require('node:http');
  const https = require('node:https');

  /** A connection to there through the proxy; `done(error, socket)` once. */
  function tunnel(proxy, host, port, timeout, done) {
    const authority = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
    const socket = net.connect({ host: proxy.host, port: proxy.port });
    const heard = { readable: read, error: settle, end: ended, timeout: timedOut };
    let head = Buffer.alloc(0);
    function settle(error) {
      for (const name of Object.keys(heard)) socket.removeListener(name, heard[name]);
      socket.setTimeout(0);
      if (error === undefined) return done(null, socket);
      socket.on('error', () => undefined);
      socket.destroy();
      return done(error);
    }
    function ended() {
      settle(tunnelError(`the proxy closed the connection to ${authority}`));
    }
    function timedOut() {
      settle(tunnelError(`the proxy did not answer for ${authority}`, { code: 'ETIMEDOUT' }));
    }
    function read() {
      const chunk = socket.read();
      if (chunk === null) return undefined;
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) {
        return head.length > MOST_HEAD
          ? settle(tunnelError('the proxy sent no answer to CONNECT'))
          : undefined;
      }
      const [line] = head.toString('latin1', 0, end).split('\r\n');
      const statusCode = Number((/^HTTP\/1\.[01] (\d{3})/.exec(line) || [])[1]);
      if (!(statusCode >= 200 && statusCode < 300)) {
        return settle(tunnelError(`the proxy refused ${authority}: ${line}`, { statusCode }));
      }
      const rest = head.slice(end + 4);
      settle();
      if (rest.length > 0) socket.unshift(rest);
      return undefined;
    }
    for (const name of Object.keys(heard)) socket.on(name, heard[name]);
    if (timeout > 0) socket.setTimeout(timeout);
    const { authorization } = proxy;
    const proof = authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`;
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${proof}\r\n`);
  }

  function secured(socket, options, host) {
    const given = Object.assign({}, options, { socket });
    delete given.path;
    if (!given.servername && net.isIP(host) === 0) given.servername = host;
    if (given.ALPNProtocols === undefined) given.ALPNProtocols = ['http/1.1'];
    return tls.connect(given);
  }

  /** Connects as options say, through the proxy; false: this one is not for the proxy, and nothing was done. */
  function connectBy(secure, options, done) {
    if (options === null || typeof options !== 'object' || options.socketPath || options.socket) return false;
    const host = bare(String(options.hostname || options.host || 'localhost'));
    const port = Number(options.port || options.defaultPort || DEFAULT_PORTS[secure ? 'https:' : 'http:']);
    const proxy = routeTo(secure, host, port);
    if (proxy === undefined) return false;
    tunnel(proxy, host, port, Number(options.timeout) || 0, (error, socket) => {
      if (error) done(error);
      else done(null, secure ? secured(socket, options, host) : socket);
    });
    return true;
  }

  /** Agents of every kind ask their prototype for connections; those that Node itself sends to the proxy are left alone. */
  function patchAgent(module, secure) {
    const { prototype } = module.Agent;
    const original = prototype.createConnection;
    if (typeof original !== 'function') return;
    prototype.createConnection = function createConnection(...args) {
      const [options, done] = args;
      const { proxyEnv } = this instanceof module.Agent ? Object(this.options) : {};
      if (!proxyEnv && typeof done === 'function' && connectBy(secure, options, done)) return undefined;
      return original.apply(this, args);
    };
  }

  /** The package `ws` makes its own connections, by an option of the request that asks for the upgrade. */
  function patchUpgrades(module, secure) {
    for (const name of ['request', 'get']) {
      const original = module[name];
      module[name] = function (...args) {
        for (const options of args.slice(0, 2)) if (isUpgrade(options)) throughProxy(options, secure);
        return original.apply(this, args);
      };
      Object.defineProperty(module[name], 'name', { value: name });
    }
  }

  function isUpgrade(options) {
    if (options === null || typeof options !== 'object' || options.agent) return false;
    const { headers, createConnection } = options;
    if (typeof createConnection !== 'function' || headers === null || typeof headers !== 'object')
      return false;
    return String(headers.Upgrade || headers.upgrade).toLowerCase() === 'websocket';
  }

  function throughProxy(options, secure) {
    const original = options.createConnection;
    options.createConnection = function (...args) {
      const [wanted, done] = args;
      if (typeof done === 'function' && connectBy(secure, wanted, done)) return undefined;
      return original.apply(this, args);
    };
  }

  function connectForFetch(options, done) {
    const secure = options.protocol === 'https:';
    const host = bare(options.hostname);
    const port = Number(options.port || DEFAULT_PORTS[options.protocol]);
    const wanted = { host, port, servername: options.servername || undefined };
    function ready(error, socket) {
      if (error) return done(error);
      if (!secure && !socket.connecting) return done(null, socket);
      const event = secure ? 'secureConnect' : 'connect';
      const failed = (cause) => {
        socket.removeListener(event, connected);
        done(cause);
      };
      const connected = () => {
        socket.removeListener('error', failed);
        done(null, socket);
      };
      socket.once(event, connected);
      return socket.once('error', failed);
    }
    if (connectBy(secure, wanted, ready)) return;
    const socket = net.connect(port, host);
    ready(null, secure ? secured(socket, wanted, host) : socket);
  }

  /** Node's own `fetch` in versions that know no proxy: its dispatcher is given another way to connect. */
  function patchFetch() {
    const [major, minor] = process.versions.node.split('.').map(Number);
    const knows = major > 23 || (major === 22 && minor >= 21);
    if (knows || typeof globalThis !== 'object' || typeof globalThis.fetch !== 'function') return;
    const original = globalThis.fetch;
    let isSet = false;
    // Only when it is used: loading it takes longer than many programs run.
    globalThis.fetch = function fetch(...args) {
      if (!isSet) quietly(setDispatcher);
      isSet = true;
      return original.apply(this, args);
    };
  }

  function setDispatcher() {
    const key = Symbol.for('undici.globalDispatcher.1');
    // Touching one of its globals loads it, and with it the dispatcher that it begins with.
    void globalThis.Response;
    const current = globalThis[key];
    // One of the program's own stays: it was put there on purpose.
    if (current === undefined || current.constructor.name !== 'Agent') return;
    globalThis[key] = new current.constructor({ connect: connectForFetch });
  }

  quietly(() => {
    patchAgent(http, false);
    patchAgent(https, true);
  });
  quietly(() => {
    patchUpgrades(http, false);
    patchUpgrades(https, true);
  });
  quietly(patchFetch);
  // What `import { get } from "node:https"` gives.
  quietly(() => require('node:module').syncBuiltinESMExports());
}

if (proxyFor(true) !== undefined || proxyFor(false) !== undefined) quietly(install);
