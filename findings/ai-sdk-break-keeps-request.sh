#!/usr/bin/env bash
# Package: ai 7.0.173 with @ai-sdk/openai 4.0.118 (npm), against openai 7.57.0.
# Guess:   Leaving the loop over a stream (`break`) closes the HTTP request, as it does with the openai package.
# Seen:    The AI SDK keeps the request open and reads it to its end. Only an `abortSignal` closes it.
# Matters: A server that ends a turn when its client leaves is not told. The model writes on and is paid for.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  ai@7.0.173 @ai-sdk/openai@4.0.118 openai@7.57.0 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { streamText } from 'ai';
import OpenAI from 'openai';
const whole = (output, more = {}) => ({
  id: "resp_1", object: "response", created_at: 1700000000, status: "completed", error: null,
  incomplete_details: null, instructions: null, metadata: {}, model: "m", output, parallel_tool_calls: true,
  temperature: 1, tool_choice: "auto", tools: [], top_p: 1,
  usage: {
    input_tokens: 1, input_tokens_details: { cached_tokens: 0 },
    output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 2,
  },
  ...more,
});
const message = (text, more = {}) => ({
  id: "msg_" + text.length, type: "message", role: "assistant", status: "completed",
  content: [{ type: "output_text", text, annotations: [], logprobs: [] }], ...more,
});
let state;
const answer = (_, response) => {
  let number = 0;
  const send = (event) => response.write(
    `event: ${event.type}\ndata: ${JSON.stringify({ sequence_number: number++, ...event })}\n\n`);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  send({ type: 'response.created', response: whole([], { status: 'in_progress' }) });
  const item = message('', { content: [], status: 'in_progress' });
  send({ type: 'response.output_item.added', output_index: 0, item });
  const timer = setInterval(() => {
    send({ type: 'response.output_text.delta', item_id: 'msg_0', output_index: 0, content_index: 0, delta: 'word ' });
  }, 20);
  state = 'open';
  response.on('close', () => { state = 'closed'; clearInterval(timer); });
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const model = createOpenAI({ baseURL, apiKey: 'none' }).responses('m');
const readers = {
  'openai, break': async () => {
    const client = new OpenAI({ baseURL, apiKey: 'none' });
    for await (const event of await client.responses.create({ model: 'm', input: 'q', stream: true }))
      if (event.type === 'response.output_text.delta') break;
  },
  'ai textStream, break': async () => {
    for await (const _ of streamText({ model, prompt: 'q' }).textStream) break;
  },
  'ai fullStream, break': async () => {
    for await (const part of streamText({ model, prompt: 'q' }).fullStream) if (part.type === 'text-delta') break;
  },
  'ai textStream, abortSignal': async () => {
    const abort = new AbortController();
    for await (const _ of streamText({ model, prompt: 'q', abortSignal: abort.signal }).textStream) {
      abort.abort();
      break;
    }
  },
};
const expected = ['closed', 'open', 'open', 'closed'];
const seen = [];
for (const [name, read] of Object.entries(readers)) {
  await read();
  await new Promise((passed) => setTimeout(passed, 2000));
  console.log(`${name.padEnd(27)} two seconds later the request is ${state}`);
  seen.push(state);
  server.closeAllConnections();
}
server.close();
process.exit(seen.join() === expected.join() ? 0 : 1);
JS
timeout 50 node seen.mjs
