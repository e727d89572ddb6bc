#!/usr/bin/env bash
# Package: reconnecting-websocket 4.4.0 and partysocket 1.3.0 (npm), with ws 8.23.0 on both sides.
# Guess:   A client that comes back after a broken connection does not come back after a normal one:
#          the server has said 1000 (normal closure) or 1008 (policy: this client may not).
# Seen:    Both come back after every close of the server, 1000 and 1008 included, as soon as after a break,
#          until `maxRetries` (endless by default) or the client's own `close()`.
# Matters: A server that closes what is done, idle or not allowed gets the same clients back at once, all together.
#          The close code does not help; a page must look at it in `onclose` and call `close()` itself.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  reconnecting-websocket@4.4.0 partysocket@1.3.0 ws@8.23.0 >/dev/null

cat > seen.cjs <<'JS'
const { setTimeout: wait } = require('node:timers/promises');
const WebSocket = require('ws');
const clients = {
  'reconnecting-websocket': require('reconnecting-websocket'),
  partysocket: require('partysocket/ws').default,
};
const options = { WebSocket, minReconnectionDelay: 100, maxReconnectionDelay: 100 };

async function connections(Client, how) {
  let count = 0;
  const server = new WebSocket.WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((listening) => server.on('listening', listening));
  server.on('connection', (socket) => {
    count++;
    if (how === 'break') socket.terminate();
    else if (how !== 'stay') socket.close(how);
  });
  const client = new Client(`ws://127.0.0.1:${server.address().port}/`, [], options);
  client.onerror = () => {};
  await wait(1500);
  client.close();
  server.close();
  return count;
}
async function main() {
  let same = true;
  for (const [name, Client] of Object.entries(clients)) {
    for (const how of ['stay', 'break', 1000, 1008, 1013]) {
      const seen = await connections(Client, how);
      const said = seen > 2 ? 'comes back again and again' : `${seen} connection`;
      console.log(`${name.padEnd(23)} server: ${String(how).padEnd(6)} ${said}`);
      same &&= how === 'stay' ? seen === 1 : seen > 2;
    }
  }
  process.exit(same ? 0 : 1);
}
main();
JS
timeout 50 node seen.cjs
