#!/usr/bin/env bash
# Package: @openai/agents 0.20.0 with openai 7.57.0 (npm), `OpenAIProvider` with `useResponses: false`.
# Guess:   A sentence beside a tool call goes back as the assistant's content: a text, or a text part.
# Seen:    It goes back as a text part that holds the whole message once more: `role`, `refusal` and all `tool_calls`,
#          beside the message's own. Streamed, the part has `annotations` besides its text. Neither member belongs in
#          a text part of a request.
# Matters: A server that checks its input refuses the second request of the loop, and only for models that talk before
#          they call. A template that prints its parts prints the calls twice. Parts where other clients send a text
#          end prefix caches.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @openai/agents@0.20.0 openai@7.57.0 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
const json = (response, body, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};
const usage = {
  prompt_tokens: 10, completion_tokens: 5, total_tokens: 15,
  prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 2 },
};
const chunk = (choices, more = {}) => ({
  id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000, model: 'm', choices, ...more,
});
const chunks = (deltas, finish_reason) => [
  chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
  ...deltas.map((delta) => chunk([{ index: 0, delta, finish_reason: null }])),
  chunk([{ index: 0, delta: {}, finish_reason }]),
  chunk([], { usage }),
];
const chatSse = (response, list, end = '\n') => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const data of [...list.map((item) => JSON.stringify(item)), '[DONE]']) {
    response.write(`data: ${data}${end}${end}`);
  }
  response.end();
};
let answer;
let requests = [];
const server = http.createServer((request, response) => {
  let text = '';
  request.on('data', (piece) => (text += piece));
  request.on('end', () => {
    requests.push(JSON.parse(text));
    answer(requests.at(-1), response, requests.length);
  });
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const deltasOf = ({ tool_calls: calls, ...rest }) => [
  ...Object.entries(rest).filter(([key, value]) => key !== 'role' && value).map(([key, value]) => ({ [key]: value })),
  ...(calls ?? []).map((call, index) => ({ tool_calls: [{ index, ...call }] })),
];
// Answers the first request with this message, and each later one with "ok".
const script = (first) => {
  requests = [];
  answer = (body, response, number) => {
    const message = number === 1 ? first : { role: 'assistant', content: 'ok', refusal: null };
    const reason = message.tool_calls ? 'tool_calls' : 'stop';
    if (body.stream) return chatSse(response, chunks(deltasOf(message), reason));
    const choices = [{ index: 0, message, finish_reason: reason, logprobs: null }];
    json(response, { id: 'chatcmpl-1', object: 'chat.completion', created: 1700000000, model: 'm', choices, usage });
  };
};
const now = { id: 'call_1', type: 'function', function: { name: 'now', arguments: '{}' } };
let same = true;
const check = (name, seen, expected) => {
  console.log(`${name.padEnd(24)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(24)} expected: ${expected}`);
  same &&= seen === expected;
};
setTracingDisabled(true);
const openAIClient = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses: false }) });

const tools = [tool({ name: 'now', description: 'tells', parameters: z.object({}), execute: async () => 'noon' })];
const run = async (content, stream) => {
  script({ role: 'assistant', content, refusal: null, tool_calls: [now] });
  const result = await runner.run(new Agent({ name: 'a', model: 'm', tools }), 'q', { stream });
  if (stream) await result.completed;
  const sent = requests[1].messages.find((message) => message.role === 'assistant');
  const parts = sent.content?.map((part) => Object.keys(part).join(' ')).join('; ');
  return `${sent.tool_calls.length} call, content ${parts ? `part of: ${parts}` : JSON.stringify(sent.content)}`;
};
check('whole, call alone', await run(null, false), '1 call, content null');
check('whole, text and call', await run('I look.', false),
  '1 call, content part of: type text role refusal tool_calls');
check('streamed, call alone', await run(null, true), '1 call, content null');
check('streamed, text and call', await run('I look.', true), '1 call, content part of: type text annotations');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
