#!/usr/bin/env bash
# Package: faye-websocket 0.11.4 (npm), the client, against undici 7.30.2 and websocket 1.0.35. The server is ws 8.23.0.
# Guess:   A close code that the server sends arrives in the client's close event.
# Seen:    1012 (restart) and 1013 (try again later) arrive as 1002 (protocol error), beside the server's reason.
#          So does 1014. The server is sent 1002 too. 1000, 1001, 1008, 1011 and 4001 arrive as they were sent.
# Matters: A server that restarts or is full says so with 1012 and 1013. The client takes it for a broken peer:
#          it gives up in place of coming back, and both sides' logs say "protocol error".
#          A server that has such clients is safe with 1001, or with a code of its own from 4000.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  faye-websocket@0.11.4 undici@7.30.2 websocket@1.0.35 ws@8.23.0 >/dev/null

cat > seen.cjs <<'JS'
const faye = require('faye-websocket').Client;
const { w3cwebsocket } = require('websocket');
const { WebSocket: undici } = require('undici');
const { WebSocketServer } = require('ws');

let code;
let echoed;
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
server.on('connection', (socket) => {
  socket.on('close', (answer) => echoed(answer));
  socket.close(code, 'full');
});
async function close(Client) {
  const echo = new Promise((resolve) => (echoed = resolve));
  const client = new Client(`ws://127.0.0.1:${server.address().port}/`);
  const event = await new Promise((resolve) => (client.onclose = resolve));
  return [event.code, event.reason, await echo].join();
}
server.on('listening', async () => {
  let same = true;
  for (code of [1000, 1001, 1008, 1011, 1012, 1013, 1014, 4001]) {
    const seen = await close(faye);
    const others = [await close(undici), await close(w3cwebsocket)];
    const lost = [1012, 1013, 1014].includes(code);
    console.log(`${code}: faye-websocket ${seen.padEnd(15)} others ${others.join(' ')}`);
    same &&= seen === (lost ? '1002,full,1002' : `${code},full,${code}`);
    same &&= others.every((other) => other.startsWith(`${code},full`));
  }
  process.exit(same ? 0 : 1);
});
JS
timeout 50 node seen.cjs
