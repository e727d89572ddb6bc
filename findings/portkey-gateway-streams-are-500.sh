#!/usr/bin/env bash
# Package: @portkey-ai/gateway 1.15.2 (npm) with @hono/node-server 1.19.19 and hono 4.13.19, the gateway as its own
#          program on Node 20, provider "openai" with a host of its own. openai 7.57.0 as client.
# Guess:   The gateway passes event streams on. Streams are the usual way to use it.
# Seen:    Each streamed answer is a 500 "Something went wrong", over chat completions and over the Responses API. The
#          server behind it has been asked, and has begun its answer. Plain answers are passed on. The log says
#          "TypeError: immutable". The gateway adds headers to its copy of the answer. @hono/node-server puts its own
#          Response in place of Node's, and that one does not copy the headers of a fetched answer.
#          `GET /v1/responses/{id}?stream=true` is a 500 too: the gateway reads the events as JSON.
# Matters: A client tries a 500 again. One streamed turn of the openai package begins three turns on the server, and
#          the program gets none of them. An error of the gateway looks like one of the model server.
# Needs:   node 20, npm, curl.
set -euo pipefail
dir=$(mktemp -d)
gateway=
trap '[ -z "$gateway" ] || kill "$gateway"; rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @portkey-ai/gateway@1.15.2 @hono/node-server@1.19.19 hono@4.13.19 openai@7.57.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import OpenAI from 'openai';
const requests = [];
const chunk = (delta, finish_reason) => ({
  id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000, model: 'm',
  choices: [{ index: 0, delta, finish_reason }],
});
const whole = { id: 'resp_1', object: 'response', created_at: 1700000000, status: 'completed', model: 'm', output: [] };
const server = http.createServer((request, response) => {
  let text = '';
  request.on('data', (piece) => (text += piece));
  request.on('end', () => {
    requests.push(`${request.method} ${request.url}`);
    const isChat = request.url.startsWith('/v1/chat/');
    if (!request.url.includes('stream=true') && !(text && JSON.parse(text).stream)) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isChat ? {
        ...chunk(), object: 'chat.completion',
        choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
      } : whole));
      return;
    }
    const events = isChat ? [chunk({ role: 'assistant', content: 'hello' }, null), chunk({}, 'stop')] : [
      { type: 'response.created', sequence_number: 0, response: { ...whole, status: 'in_progress' } },
      { type: 'response.completed', sequence_number: 1, response: whole },
    ];
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
    response.end(isChat ? 'data: [DONE]\n\n' : '');
  });
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const host = `http://127.0.0.1:${server.address().port}/v1`;
const newClient = (baseURL) => new OpenAI({
  baseURL, apiKey: 'key', defaultHeaders: { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': host },
});
const read = async (stream) => {
  let number = 0;
  for await (const _ of await stream) number++;
  return `${number} events`;
};
const messages = [{ role: 'user', content: 'hi' }];
const calls = {
  'chat': async (client) => (await client.chat.completions.create({ model: 'm', messages })).object,
  'chat, streamed': (client) => read(client.chat.completions.create({ model: 'm', messages, stream: true })),
  'responses': async (client) => (await client.responses.create({ model: 'm', input: 'hi' })).object,
  'responses, streamed': (client) => read(client.responses.create({ model: 'm', input: 'hi', stream: true })),
  'retrieve, streamed': (client) => read(client.responses.retrieve('resp_1', { stream: true })),
};
const look = async (baseURL) => {
  const seen = [];
  for (const call of Object.values(calls)) {
    const before = requests.length;
    const outcome = await call(newClient(baseURL)).catch((error) => `${error.status}`);
    seen.push(`${outcome}, server asked ${requests.length - before}x`);
  }
  return seen;
};
const direct = await look(host);
const through = await look(`http://127.0.0.1:${process.argv[2]}/v1`);
Object.keys(calls).forEach((name, row) => {
  console.log(`${name.padEnd(20)} direct: ${direct[row].padEnd(34)} through the gateway: ${through[row]}`);
});
const same = JSON.stringify(direct) === JSON.stringify([
  'chat.completion, server asked 1x', '2 events, server asked 1x', 'response, server asked 1x',
  '2 events, server asked 1x', '2 events, server asked 1x',
]) && JSON.stringify(through) === JSON.stringify([
  'chat.completion, server asked 1x', '500, server asked 3x', 'response, server asked 1x', '500, server asked 3x',
  '500, server asked 3x',
]);
process.exit(same ? 0 : 1);
JS
port=$((20000 + RANDOM % 5000))
# The gateway would listen on every address of the machine.
cat > loopback.cjs <<'JS'
const { Server } = require('node:net');
const { listen } = Server.prototype;
Server.prototype.listen = function (port) {
  return listen.call(this, Number(port), '127.0.0.1');
};
JS
node --require ./loopback.cjs node_modules/@portkey-ai/gateway/build/start-server.js --port="$port" --headless \
  > gateway.txt 2>&1 &
gateway=$!
for _ in $(seq 50); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break; sleep 0.2; done
timeout 45 node seen.mjs "$port" || { grep -v '^ *at' gateway.txt; exit 1; }
echo "in the gateway's log, lines with this error: $(grep -c 'TypeError: immutable' gateway.txt)"
grep -q 'TypeError: immutable' gateway.txt
