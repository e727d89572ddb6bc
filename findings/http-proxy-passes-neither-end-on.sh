#!/usr/bin/env bash
# Package: http-proxy 1.18.1 and express-http-proxy 2.1.2 (npm), against httpxy 0.5.6, fast-proxy 2.2.0,
#          @fastify/http-proxy 11.6.3 and the proxy helper of hono 4.13.19. Node's own server behind each.
# Guess:   A proxy of Node.js passes on both ends of an event stream: a client that leaves, a server that breaks off.
# Seen:    All six deliver each event at once. With http-proxy a client that leaves is not noticed: the server's
#          connection stays, and the answer is written to nobody. With http-proxy and express-http-proxy a server that
#          breaks off in mid-stream is not noticed: the client's connection stays open without an error or an end.
#          The other four pass both on within milliseconds.
# Matters: A page that leaves behind http-proxy lets the model write on to its end. A process that dies leaves its
#          readers waiting for ever: no client of event streams asks again while its connection lives. Many
#          development servers and gateways of Node.js are built on http-proxy.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  http-proxy@1.18.1 express-http-proxy@2.1.2 httpxy@0.5.6 fast-proxy@2.2.0 @fastify/http-proxy@11.6.3 \
  hono@4.13.19 @hono/node-server@2.1.9 fastify@5.12.8 express@5.3.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createRequire } from 'node:module';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { proxy as honoProxy } from 'hono/proxy';
import { createProxyServer as createHttpxy } from 'httpxy';
const require = createRequire(import.meta.url);
const listen = (server) => new Promise((listening) => {
  server.listen(0, '127.0.0.1', () => listening(server.address().port));
});
let call;
const target = `http://127.0.0.1:${await listen(http.createServer((request, response) => {
  const mine = { closed: false };
  call = mine;
  request.resume();
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let number = 0;
    const timer = setInterval(() => response.write(`data: ${number++}\n\n`), 50);
    if (request.url === '/breaks-off') setTimeout(() => response.destroy(), 500);
    response.on('close', () => {
      mine.closed = true;
      clearInterval(timer);
    });
  });
}))}`;

const proxies = {
  'http-proxy': () => {
    const proxy = require('http-proxy').createProxyServer({ target });
    proxy.on('error', () => {});
    return listen(http.createServer((request, response) => proxy.web(request, response)));
  },
  'express-http-proxy': () => {
    const app = require('express')();
    app.use(require('express-http-proxy')(target));
    return listen(http.createServer(app));
  },
  httpxy: () => {
    const proxy = createHttpxy({ target });
    return listen(http.createServer((request, response) => proxy.web(request, response).catch(() => {})));
  },
  'fast-proxy': () => {
    const { proxy } = require('fast-proxy')({ base: target });
    return listen(http.createServer((request, response) => proxy(request, response, request.url, {})));
  },
  '@fastify/http-proxy': async () => {
    const app = require('fastify')();
    app.register(require('@fastify/http-proxy'), { upstream: target });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server.address().port;
  },
  hono: () => {
    const app = new Hono().all('*', (context) => honoProxy(target + context.req.path, context.req));
    return new Promise((listening) => {
      serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (info) => listening(info.port));
    });
  },
};
const read = (port, path, onData, onEnd) => {
  const request = http.request({ port, host: '127.0.0.1', path, method: 'POST' }, (response) => {
    response.on('data', onData);
    response.on('end', () => onEnd('a clean end'));
    response.on('error', () => onEnd('an error'));
  });
  request.on('error', () => {});
  request.end('{"input":"hi"}');
  return request;
};
const wait = (time) => new Promise((over) => setTimeout(over, time));
const clientLeaves = async (port) => {
  let pieces = 0;
  const request = read(port, '/goes-on', () => pieces++, () => {});
  while (pieces < 3) await wait(10);
  request.destroy();
  for (let left = 30; left > 0 && !call.closed; left--) await wait(100);
  return call.closed ? 'closed' : 'open after 3 s';
};
const serverBreaksOff = async (port) => {
  let end = 'nothing in 3 s';
  read(port, '/breaks-off', () => {}, (how) => (end = how));
  for (let left = 35; left > 0 && end === 'nothing in 3 s'; left--) await wait(100);
  return end;
};
console.log('the client leaves: the server\'s connection is …; the server breaks off: the client sees …');
const seen = [];
for (const [name, start] of Object.entries(proxies)) {
  const port = await start();
  seen.push(`${name}: ${await clientLeaves(port)}; ${await serverBreaksOff(port)}`);
  console.log(seen.at(-1));
}
const expected = [
  'http-proxy: open after 3 s; nothing in 3 s',
  'express-http-proxy: closed; nothing in 3 s',
  'httpxy: closed; an error',
  'fast-proxy: closed; an error',
  '@fastify/http-proxy: closed; an error',
  'hono: closed; an error',
];
process.exit(JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
JS
timeout 50 node seen.mjs 2>/dev/null
