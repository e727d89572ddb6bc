#!/usr/bin/env bash
# Package: openai 7.57.0 (npm), event streams over HTTP.
# Guess:   A frame with an event name and no `data` line is ignored. The standard for event streams says so.
#          Servers and proxies may therefore send `event: ping` to keep a connection open.
# Seen:    The client reads the missing data as JSON and throws "malformed server-sent event JSON".
#          The response behind it is lost. A comment line or an `event: ping` with `data: {"type":"ping"}` is fine.
# Matters: A keepalive for this client is a comment, or an event whose data is an object with a `type`.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts openai@7.57.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import OpenAI from 'openai';
let keepalive;
const frame = (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
const answer = (_, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(frame({ type: 'response.created', sequence_number: 0, response: { id: 'resp_1' } }));
  response.write(keepalive);
  response.end(frame({ type: 'response.completed', sequence_number: 1, response: { id: 'resp_1', output: [] } }));
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
const read = async (text) => {
  keepalive = text;
  const types = [];
  try {
    const stream = await client.responses.create({ model: 'm', input: 'q', stream: true });
    for await (const event of stream) types.push(event.type);
  } catch (error) {
    types.push(`throws: ${error.message}`);
  }
  return types.join(', ');
};
const rows = [
  [': ping\n\n', 'response.created, response.completed'],
  ['event: ping\ndata: {"type":"ping"}\n\n', 'response.created, ping, response.completed'],
  ['event: ping\n\n', 'response.created, throws: '],
];
let same = true;
console.error = () => {}; // The client prints the bad frame there.
for (const [text, expected] of rows) {
  const seen = await read(text);
  console.log(`${JSON.stringify(text).padEnd(44)} ${seen}`);
  same &&= seen.startsWith(expected);
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
