#!/usr/bin/env bash
# Package: @openai/agents 0.20.0 with openai 7.57.0, ai 7.0.173 with @ai-sdk/openai-compatible 3.0.92, and
#          @xsai/generate-text 0.4.4 (npm), tool loops over chat completions.
# Guess:   A client that reads the thoughts of a model gives them back in the member in which they came: `reasoning`
#          or `reasoning_content`. Model servers use the one or the other.
# Seen:    The AI SDK reads both and always sends `reasoning_content`. @openai/agents sends `reasoning` back, and
#          drops `reasoning_content`. xsai sends both back as they came.
# Matters: Templates of reasoning models write thoughts back in a running tool loop. With the other name the model
#          loses its thoughts at each step, nothing reports it, and the prefix cache ends there. A server helps by
#          taking both names.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @openai/agents@0.20.0 openai@7.57.0 zod@4.6.7 ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 \
  @xsai/generate-text@0.4.4 @xsai/tool@0.4.4 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from '@openai/agents';
import { generateText as xsai } from '@xsai/generate-text';
import { rawTool } from '@xsai/tool';
import { generateText, stepCountIs, tool as aiTool } from 'ai';
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
  console.log(`${name.padEnd(34)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(34)} expected: ${expected}`);
  same &&= seen === expected;
};
setTracingDisabled(true);
const openAIClient = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses: false }) });

const execute = async () => 'noon';
const model = createOpenAICompatible({ name: 'own', baseURL, apiKey: 'none' })('m');
const own = { baseURL: `${baseURL}/`, apiKey: 'none', model: 'm', messages: [{ role: 'user', content: 'q' }] };
const parameters = { type: 'object', properties: {} };
const clients = {
  'AI SDK': () => generateText({
    model, prompt: 'q', maxRetries: 0, stopWhen: stepCountIs(3),
    tools: { now: aiTool({ inputSchema: z.object({}), execute }) },
  }),
  '@openai/agents': () => runner.run(new Agent({
    name: 'a', model: 'm', tools: [tool({ name: 'now', description: 'tells', parameters: z.object({}), execute })],
  }), 'q'),
  xsai: () => xsai({
    ...own, maxSteps: 3, tools: [rawTool({ name: 'now', description: 'tells', parameters, execute })],
  }),
};
const run = async (name, member) => {
  script({ role: 'assistant', content: null, refusal: null, [member]: 'It may be noon.', tool_calls: [now] });
  await clients[name]();
  const sent = requests[1].messages.find((message) => message.role === 'assistant');
  return Object.keys(sent).filter((key) => key.startsWith('reasoning')).join() || 'nothing';
};
const rows = [
  ['AI SDK', 'reasoning_content', 'reasoning_content'],
  ['AI SDK', 'reasoning', 'reasoning_content'],
  ['@openai/agents', 'reasoning_content', 'nothing'],
  ['@openai/agents', 'reasoning', 'reasoning'],
  ['xsai', 'reasoning_content', 'reasoning_content'],
  ['xsai', 'reasoning', 'reasoning'],
];
for (const [name, member, expected] of rows) check(`${name}, ${member}`, await run(name, member), expected);
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
