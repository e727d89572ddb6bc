#!/usr/bin/env bash
# Package: @fastify/http-proxy 11.6.3 with fastify 5.12.8 (npm), `websocket: true`. http-proxy 1.18.1 for comparison.
#          The client and the server behind it are ws 8.23.0.
# Guess:   A refused upgrade reaches the client as the server's own answer: status, Retry-After and body. A connection
#          that breaks without a close frame is a break for the other side too (1006).
# Seen:    The proxy answers 101 to the client before it asks the server. A refused upgrade is then an open socket that
#          closes with 1011 "unexpected response": no status, no Retry-After, no body.
#          A break becomes a close frame with 4006, to both sides. http-proxy passes both on as they are.
# Matters: A full server refuses with 503 and Retry-After, a wrong key with 401. Behind this proxy a client can not
#          tell one from the other, nor when to come again, and its `open` handler has run. 4006 lies in the range
#          that applications define themselves: a client that comes back after 1006 takes it for a word of the server.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @fastify/http-proxy@11.6.3 fastify@5.12.8 http-proxy@1.18.1 ws@8.23.0 >/dev/null

cat > seen.cjs <<'JS'
const http = require('node:http');
const { WebSocket, WebSocketServer } = require('ws');
const listen = (server) => new Promise((listening) => {
  server.listen(0, '127.0.0.1', () => listening(server.address().port));
});
const wait = (time) => new Promise((over) => setTimeout(over, time));
let serverSaw = '';
const sockets = new WebSocketServer({ noServer: true });
const server = http.createServer();
server.on('upgrade', (request, connection, head) => {
  if (request.url === '/full') {
    connection.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Type: text/plain\r\n' +
      'Content-Length: 4\r\nConnection: close\r\n\r\nfull');
    return;
  }
  sockets.handleUpgrade(request, connection, head, (socket) => {
    serverSaw = '';
    socket.on('error', () => {});
    socket.on('close', (code, reason) => (serverSaw = `close ${code} ${reason}`.trim()));
    socket.send('hello');
    if (request.url === '/restarts') setTimeout(() => socket.close(1012, 'restart'), 200);
    if (request.url === '/breaks') setTimeout(() => socket.terminate(), 200);
  });
});
const open = (port, path, onMessage) => new Promise((over) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  let seen = '';
  socket.on('open', () => (seen = 'open, '));
  socket.on('message', () => onMessage?.(socket));
  socket.on('unexpected-response', (_, response) => {
    let text = '';
    response.on('data', (piece) => (text += piece));
    response.on('end', () => over(`${response.statusCode}, retry-after ${response.headers['retry-after']}, "${text}"`));
  });
  socket.on('error', () => {});
  socket.on('close', (code, reason) => over(`${seen}close ${code} ${reason}`.trim()));
});
const proxies = {
  'http-proxy': (target) => {
    const proxy = require('http-proxy').createProxyServer({ target, ws: true });
    const front = http.createServer();
    front.on('upgrade', (request, connection, head) => proxy.ws(request, connection, head));
    proxy.on('error', () => {});
    return listen(front);
  },
  '@fastify/http-proxy': async (target) => {
    const app = require('fastify')();
    app.register(require('@fastify/http-proxy'), { upstream: target, websocket: true });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server.address().port;
  },
};
const expected = {
  'http-proxy': [
    '503, retry-after 7, "full"', 'open, close 1012 restart', 'open, close 1006', 'close 1006', 'close 4000 mine',
  ],
  '@fastify/http-proxy': [
    'open, close 1011 unexpected response', 'open, close 1012 restart', 'open, close 4006', 'close 4006',
    'close 4000 mine',
  ],
};
const run = async () => {
  const target = `http://127.0.0.1:${await listen(server)}`;
  let same = true;
  for (const [name, start] of Object.entries(proxies)) {
    const port = await start(target);
    const rows = {
      'the server refuses with 503, the client sees': await open(port, '/full'),
      'the server closes with 1012, the client sees': await open(port, '/restarts'),
      'the server breaks off, the client sees': await open(port, '/breaks'),
    };
    await open(port, '/stays', (socket) => socket.terminate());
    while (!serverSaw) await wait(20);
    rows['the client breaks off, the server sees'] = serverSaw;
    await open(port, '/stays', (socket) => socket.close(4000, 'mine'));
    while (!serverSaw) await wait(20);
    rows['the client closes with 4000, the server sees'] = serverSaw;
    console.log(name);
    for (const [row, seen] of Object.entries(rows)) console.log(`  ${row.padEnd(46)}${seen}`);
    same &&= JSON.stringify(Object.values(rows)) === JSON.stringify(expected[name]);
  }
  process.exit(same ? 0 : 1);
};
run();
JS
timeout 30 node seen.cjs
