#!/usr/bin/env bash
# Package: @microsoft/fetch-event-source 2.0.1 (npm), the usual way of pages to read an answer to a POST.
# Guess:   A comment (`: ping`) is ignored, as the standard for event streams says.
# Seen:    Each comment with its empty line calls `onmessage` with empty data and no event name.
#          An empty line more, behind an event, does so too.
# Matters: Servers keep a silent stream open with comments. Pages call `JSON.parse(message.data)` and fail on each.
#          The package then calls `onerror`, and by default it sends the whole POST again one second later.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @microsoft/fetch-event-source@2.0.1 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createRequire } from 'node:module';
const { fetchEventSource } = createRequire(import.meta.url)('@microsoft/fetch-event-source');
globalThis.window = globalThis; // The package expects a page.
globalThis.document = { removeEventListener() {} };
let requests = 0;
let keepalive;
const server = http.createServer((request, response) => {
  requests++;
  request.resume();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(`data: {"n":1}\n\n${keepalive}data: {"n":2}\n\n`);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const url = `http://127.0.0.1:${server.address().port}/v1/responses`;
const read = async (text, handle) => {
  keepalive = text;
  requests = 0;
  const seen = [];
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 2500);
  await fetchEventSource(url, {
    method: 'POST', body: '{}', openWhenHidden: true, signal: stop.signal,
    onmessage: (message) => seen.push(handle(message.data)),
  });
  clearTimeout(timer);
  return `${JSON.stringify(seen)}, requests ${requests}`;
};
const rows = [
  ['nothing, data kept', '', (data) => data, '["{\\"n\\":1}","{\\"n\\":2}"], requests 1'],
  ['comment, data kept', ': ping\n\n', (data) => data, '["{\\"n\\":1}","","{\\"n\\":2}"], requests 1'],
  ['empty line, data kept', '\n', (data) => data, '["{\\"n\\":1}","","{\\"n\\":2}"], requests 1'],
  ['comment, data parsed', ': ping\n\n', (data) => JSON.parse(data).n, null],
];
let same = true;
for (const [name, text, handle, expected] of rows) {
  const seen = await read(text, handle);
  console.log(`${name.padEnd(22)} ${seen}`);
  // The last row counts on time: at least two requests in two and a half seconds.
  same &&= expected === null ? requests >= 2 : seen === expected;
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 30 node seen.mjs
