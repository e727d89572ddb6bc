#!/usr/bin/env bash
# Package: launchdarkly-eventsource 2.2.0 and eventsource-client 1.2.0 (npm), against eventsource 5.1.5, undici 7.30.2.
# Guess:   A frame that has an id and no data gives no event, but its id is the last one: after a break the client
#          sends it as `Last-Event-ID`. The standard for event streams says so.
# Seen:    Two of four forget the id and send none, or the one before. With an empty `data:` line they send it.
# Matters: A server marks its place in a silent stream with `id: 17` alone and resumes from there.
#          For these clients it sends everything again from the last event that had data.
#          A server that needs its ids back puts each beside data.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  launchdarkly-eventsource@2.2.0 eventsource-client@1.2.0 eventsource@5.1.5 undici@7.30.2 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createRequire } from 'node:module';
import { EventSource } from 'eventsource';
import { createEventSource } from 'eventsource-client';
const require = createRequire(import.meta.url);
const { EventSource: LaunchDarkly } = require('launchdarkly-eventsource');
const { EventSource: Undici } = require('undici');

const clients = {
  'launchdarkly-eventsource': (url) => {
    const source = new LaunchDarkly(url, { initialRetryDelayMillis: 50 });
    source.onerror = () => {};
    return source;
  },
  'eventsource-client': (url) => createEventSource({ url, onMessage: () => {} }),
  eventsource: (url) => new EventSource(url),
  undici: (url) => new Undici(url),
};
// The id that the client sends when it comes back after a stream of this text.
async function sentBack(open, text) {
  let source;
  let requests = 0;
  return new Promise((resolve) => {
    const server = http.createServer((request, response) => {
      if (++requests === 2) {
        resolve(request.headers['last-event-id'] ?? 'none');
        source.close();
        server.close();
        return server.closeAllConnections();
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`retry: 50\n\n${text}`);
    });
    server.listen(0, '127.0.0.1', () => (source = open(`http://127.0.0.1:${server.address().port}/`)));
  });
}
const rows = [
  ['id: 7\ndata: a\n\n', '7', '7'],
  ['id: 7\ndata: a\n\ndata: b\n\n', '7', '7'],
  ['id: 8\ndata:\n\n', '8', '8'],
  ['id: 8\n\n', '8', 'none'],
  ['id: 7\ndata: a\n\nid: 8\n\n', '8', '7'],
];
let same = true;
for (const [text, standard, forgetful] of rows) {
  console.log(JSON.stringify(text));
  for (const [name, open] of Object.entries(clients)) {
    const seen = await sentBack(open, text);
    console.log(`   ${name.padEnd(25)} Last-Event-ID: ${seen}`);
    same &&= seen === (['launchdarkly-eventsource', 'eventsource-client'].includes(name) ? forgetful : standard);
  }
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs 2>errors.txt || { cat errors.txt; exit 1; }
