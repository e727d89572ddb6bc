#!/usr/bin/env bash
# Package: @strands-agents/sdk 1.19.0 with openai 6.49.0 (npm), `OpenAIModel` with `api: 'chat'`.
# Guess:   A streamed answer with a sentence and two tool calls runs both tools. The next request holds the sentence
#          and both calls.
# Seen:    Only the last call runs. The sentence and every earlier call are gone from the history too, so nobody sees
#          the loss. With `api: 'responses'` the same answer runs both tools and keeps the sentence.
# Matters: A model that reads two files gets one of them and asks again, or goes on without. The server sees a history
#          that its model never wrote, and no prefix cache matches from there on. Switch parallel calls off, or use
#          the Responses API.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @strands-agents/sdk@1.19.0 @modelcontextprotocol/sdk@1.32.2 @opentelemetry/api@1.9.0 openai@6.49.0 \
  zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { Agent, tool } from '@strands-agents/sdk';
import { OpenAIModel } from '@strands-agents/sdk/models/openai';
import { z } from 'zod';
const whole = (output, more = {}) => ({
  id: 'resp_1', object: 'response', created_at: 1700000000, status: 'completed', error: null,
  incomplete_details: null, instructions: null, metadata: {}, model: 'm', output, parallel_tool_calls: true,
  temperature: 1, tool_choice: 'auto', tools: [], top_p: 1,
  usage: {
    input_tokens: 10, input_tokens_details: { cached_tokens: 4 },
    output_tokens: 5, output_tokens_details: { reasoning_tokens: 2 }, total_tokens: 15,
  },
  ...more,
});
const message = (id, text, more = {}) => ({
  id, type: 'message', role: 'assistant', status: 'completed',
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }], ...more,
});
const call = (number, name, args) => ({
  id: `fc_${number}`, type: 'function_call', call_id: `call_${number}`, name, arguments: args, status: 'completed',
});
const pieces = (text) => text.match(/.{1,4}/gs) ?? [];
const empty = { message: { content: [] }, function_call: { arguments: '' }, reasoning: { summary: [] } };
const texts = { output_text: 'text', refusal: 'refusal' };
// The events of one response, as OpenAI's reference has them.
const events = (output, more = {}) => {
  const last = whole(output, more);
  const list = [];
  const add = (type, fields) => list.push({ type: `response.${type}`, sequence_number: list.length, ...fields });
  const begun = { ...last, status: 'in_progress', output: [], incomplete_details: null, usage: null };
  add('created', { response: begun });
  add('in_progress', { response: begun });
  output.forEach((item, output_index) => {
    const at = { item_id: item.id, output_index };
    add('output_item.added', { output_index, item: { ...item, ...empty[item.type], status: 'in_progress' } });
    (item.summary ?? []).forEach((part, summary_index) => {
      add('reasoning_summary_part.added', { ...at, summary_index, part: { ...part, text: '' } });
      for (const delta of pieces(part.text)) add('reasoning_summary_text.delta', { ...at, summary_index, delta });
      add('reasoning_summary_text.done', { ...at, summary_index, text: part.text });
      add('reasoning_summary_part.done', { ...at, summary_index, part });
    });
    (item.content ?? []).forEach((part, content_index) => {
      const key = texts[part.type];
      add('content_part.added', { ...at, content_index, part: { ...part, [key]: '' } });
      const where = { ...at, content_index, ...(key === 'text' ? { logprobs: [] } : {}) };
      for (const delta of pieces(part[key])) add(`${part.type}.delta`, { ...where, delta });
      add(`${part.type}.done`, { ...where, [key]: part[key] });
      add('content_part.done', { ...at, content_index, part });
    });
    if (item.type === 'function_call') {
      for (const delta of pieces(item.arguments)) add('function_call_arguments.delta', { ...at, delta });
      add('function_call_arguments.done', { ...at, name: item.name, arguments: item.arguments });
    }
    add('output_item.done', { output_index, item });
  });
  add(last.status, { response: last });
  return list;
};
const sse = (response, list) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of list) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
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
  console.log(`${name.padEnd(25)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(25)} expected: ${expected}`);
  same &&= seen === expected;
};
const chatSteps = (...deltas) => [chunks(deltas, 'tool_calls'), chunks([{ content: 'ok' }], 'stop')];
const one = [start(0, 'call_1', 'read'), args(0, '{"file":'), args(0, '"a"}')];
const two = [start(1, 'call_2', 'read'), args(1, '{"file":'), args(1, '"b"}')];
const outputs = [
  [message('msg_1', 'I look.'), call(1, 'read', '{"file":"a"}'), call(2, 'read', '{"file":"b"}')],
  [message('msg_2', 'ok')],
];
const kept = (body) => JSON.stringify((body.messages ?? body.input).flatMap((item) => [
  ...(item.role === 'assistant' && item.content ? [item.content] : []),
  ...(item.tool_calls ?? []).map((sent) => sent.function.arguments),
  ...(item.type === 'function_call' ? [item.arguments] : []),
]));
const run = async (api, steps) => {
  requests = [];
  answer = (body, response, number) => {
    if (api === 'chat') chatSse(response, steps[number - 1]);
    else sse(response, events(steps[number - 1]));
  };
  const ran = [];
  const callback = async ({ file }) => { ran.push(file); return `text of ${file}`; };
  const read = tool({ name: 'read', description: 'reads', inputSchema: z.object({ file: z.string() }), callback });
  const model = new OpenAIModel({ api, modelId: 'm', apiKey: 'none', clientConfig: { baseURL, maxRetries: 0 } });
  await new Agent({ model, tools: [read], printer: false }).invoke('q');
  return `ran ${ran.join(' and ')}, sent back ${kept(requests[1])}`;
};
const first = '{"file":"a"}';
const second = '{"file":"b"}';
const text = 'I look.';
const sent = (...list) => `sent back ${JSON.stringify(list)}`;
check('chat, one call', await run('chat', chatSteps(...one)), `ran a, ${sent(first)}`);
check('chat, text and a call', await run('chat', chatSteps({ content: text }, ...one)), `ran a, ${sent(first)}`);
check('chat, two calls', await run('chat', chatSteps(...one, ...two)), `ran b, ${sent(second)}`);
const both = [{ content: text }, ...one, ...two];
check('chat, text and two calls', await run('chat', chatSteps(...both)), `ran b, ${sent(second)}`);
check('responses, the same', await run('responses', outputs), `ran a and b, ${sent(text, first, second)}`);
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
