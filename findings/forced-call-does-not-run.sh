#!/usr/bin/env bash
# Package: @xsai/generate-text 0.4.4 and @xsai/stream-text 0.4.4, and @strands-agents/sdk 1.19.0 with openai 6.49.0
#          (npm), chat completions.
# Guess:   A tool call in an answer runs, whatever the finish reason says. For a call that `tool_choice` names,
#          OpenAI's API says "stop".
# Seen:    `generateText` of xsai takes the answer for the last one: the tool does not run, and the text is null.
#          `streamText` of the same package runs it. Strands ends the turn with the call unanswered.
# Matters: Agents that force their first step, for example a plan or a router, end before they began. A server that
#          says "tool_calls" for every answer with calls works with all of them.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @xsai/generate-text@0.4.4 @xsai/stream-text@0.4.4 @xsai/tool@0.4.4 @strands-agents/sdk@1.19.0 \
  @modelcontextprotocol/sdk@1.32.2 @opentelemetry/api@1.9.0 openai@6.49.0 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { Agent, tool } from '@strands-agents/sdk';
import { OpenAIModel } from '@strands-agents/sdk/models/openai';
import { generateText } from '@xsai/generate-text';
import { streamText } from '@xsai/stream-text';
import { rawTool } from '@xsai/tool';
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
const start = (index, id, name) => ({
  tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }],
});
const args = (index, text) => ({ tool_calls: [{ index, function: { arguments: text } }] });
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
let same = true;
const check = (name, seen, expected) => {
  console.log(`${name.padEnd(27)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(27)} expected: ${expected}`);
  same &&= seen === expected;
};
let reason;
answer = (body, response, number) => {
  const deltas = number === 1 ? [start(0, 'call_1', 'plan'), args(0, '{}')] : [{ content: 'ok' }];
  const finish = number === 1 ? reason : 'stop';
  if (body.stream) return chatSse(response, chunks(deltas, finish));
  const tool_calls = [{ id: 'call_1', type: 'function', function: { name: 'plan', arguments: '{}' } }];
  const calling = { role: 'assistant', content: null, refusal: null, tool_calls };
  const message = number === 1 ? calling : { role: 'assistant', content: 'ok', refusal: null };
  const choices = [{ index: 0, message, finish_reason: finish, logprobs: null }];
  json(response, { id: 'chatcmpl-1', object: 'chat.completion', created: 1700000000, model: 'm', choices, usage });
};
let ran;
const plan = async () => { ran++; return 'a plan'; };
const parameters = { type: 'object', properties: {} };
const choice = { type: 'function', function: { name: 'plan' } };
const options = () => ({
  apiKey: 'none', baseURL: `${baseURL}/`, model: 'm', messages: [{ role: 'user', content: 'q' }], toolChoice: choice,
  maxSteps: 3, tools: [rawTool({ name: 'plan', description: 'plans', parameters, execute: plan })],
});
const clients = {
  generateText: async () => (await generateText(options())).text,
  streamText: async () => {
    let text = '';
    for await (const piece of streamText(options()).textStream) text += piece;
    return text;
  },
  strands: async () => {
    const clientConfig = { baseURL, maxRetries: 0 };
    const model = new OpenAIModel({ api: 'chat', modelId: 'm', apiKey: 'none', clientConfig });
    const tools = [tool({ name: 'plan', description: 'plans', inputSchema: z.object({}), callback: plan })];
    return (await new Agent({ model, tools, printer: false }).invoke('q')).lastMessage.content[0]?.text;
  },
};
const run = async (name, finish) => {
  requests = [];
  ran = 0;
  reason = finish;
  const text = await clients[name]();
  return `${text || 'no text'}, tool ran ${ran} times, requests ${requests.length}`;
};

for (const name of ['generateText', 'streamText', 'strands']) {
  check(`${name}, "tool_calls"`, await run(name, 'tool_calls'), 'ok, tool ran 1 times, requests 2');
}
check('streamText, "stop"', await run('streamText', 'stop'), 'ok, tool ran 1 times, requests 2');
for (const name of ['generateText', 'strands']) {
  check(`${name}, "stop"`, await run(name, 'stop'), 'no text, tool ran 0 times, requests 1');
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
