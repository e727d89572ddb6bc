#!/usr/bin/env bash
# Package: weave 0.11.1 with openai 7.57.0 (npm), `wrapOpenAI(client)`, chat completions.
# Guess:   The wrapped client does what the client does, and its calls are recorded besides.
# Seen:    The wrapper passes the body of `chat.completions.create` on and drops the second argument: `headers`,
#          `signal` and `timeout` have no effect. A call that the program has aborted runs to its end.
#          A stream asks for `include_usage`, so it has a last chunk without choices that the program did not ask for.
#          The usual `chunk.choices[0].delta` throws a TypeError there. All of it without `weave.init` too.
#          `responses.create` keeps its second argument. `withResponse()` is missing on both.
# Matters: A header that names the tenant or an idempotency key does not arrive, so a repeat is a second turn. A user
#          that presses "stop" waits for the whole answer and pays for it.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts weave@0.11.1 openai@7.57.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import OpenAI from 'openai';
import { wrapOpenAI } from 'weave';
const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
let headers;
const server = http.createServer((request, response) => {
  let text = '';
  request.on('data', (piece) => (text += piece));
  request.on('end', () => {
    const body = JSON.parse(text);
    headers = request.headers;
    const isSlow = body.messages?.[0].content === 'slow';
    if (body.stream) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const send = (choices, more) => response.write('data: ' + JSON.stringify({
        id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000, model: 'm', choices, ...more,
      }) + '\n\n');
      send([{ index: 0, delta: { role: 'assistant', content: 'hello' }, finish_reason: null }]);
      send([{ index: 0, delta: {}, finish_reason: 'stop' }]);
      if (body.stream_options?.include_usage) send([], { usage });
      response.end('data: [DONE]\n\n');
      return;
    }
    const answer = request.url.endsWith('/responses')
      ? { id: 'resp_1', object: 'response', created_at: 1700000000, status: 'completed', model: 'm', output: [] }
      : {
        id: 'chatcmpl-1', object: 'chat.completion', created: 1700000000, model: 'm', usage,
        choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
      };
    setTimeout(() => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    }, isSlow ? 2000 : 0);
  });
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const messages = (content) => [{ role: 'user', content }];
const outcome = (call) => call.then(() => 'an answer', (error) => error.constructor.name);
const look = async (client) => {
  const chat = client.chat.completions;
  const seen = [];
  await chat.create({ model: 'm', messages: messages('hi') }, { headers: { 'x-tenant': 'acme' } });
  seen.push(`chat, header: ${headers['x-tenant']}`);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 200);
  const slow = { model: 'm', messages: messages('slow') };
  seen.push(`chat, aborted: ${await outcome(chat.create(slow, { signal: stop.signal }))}`);
  seen.push(`chat, timeout 200 ms: ${await outcome(chat.create(slow, { timeout: 200 }))}`);
  let text = '';
  const read = async () => {
    const stream = await chat.create({ model: 'm', messages: messages('hi'), stream: true });
    for await (const chunk of stream) text += chunk.choices[0].delta.content ?? '';
  };
  seen.push(`chat, stream: ${await outcome(read())} behind "${text}"`);
  seen.push(`chat, withResponse: ${typeof chat.create({ model: 'm', messages: messages('hi') }).withResponse}`);
  await client.responses.create({ model: 'm', input: 'hi' }, { headers: { 'x-tenant': 'acme' } });
  seen.push(`responses, header: ${headers['x-tenant']}`);
  seen.push(`responses, withResponse: ${typeof client.responses.create({ model: 'm', input: 'hi' }).withResponse}`);
  return seen;
};
const newClient = () => new OpenAI({ baseURL, apiKey: 'key', maxRetries: 0 });
const plain = await look(newClient());
const wrapped = await look(wrapOpenAI(newClient()));
plain.forEach((row, index) => console.log(`${row.padEnd(48)}wrapped: ${wrapped[index].split(': ')[1]}`));
const same = JSON.stringify(plain) === JSON.stringify([
  'chat, header: acme', 'chat, aborted: APIUserAbortError', 'chat, timeout 200 ms: APIConnectionTimeoutError',
  'chat, stream: an answer behind "hello"', 'chat, withResponse: function', 'responses, header: acme',
  'responses, withResponse: function',
]) && JSON.stringify(wrapped) === JSON.stringify([
  'chat, header: undefined', 'chat, aborted: an answer', 'chat, timeout 200 ms: an answer',
  'chat, stream: TypeError behind "hello"', 'chat, withResponse: undefined', 'responses, header: acme',
  'responses, withResponse: undefined',
]);
process.exit(same ? 0 : 1);
JS
timeout 40 node seen.mjs
