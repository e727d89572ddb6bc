#!/usr/bin/env bash
# Package: @tanstack/ai 0.58.0 with @tanstack/ai-openai 0.23.1 (npm), `chat` over chat completions.
# Guess:   A tool call that was cut (`finish_reason: "length"`) does not run. Over the Responses API it ends the run
#          with an error.
# Seen:    Over chat completions the broken arguments become `{}`, and the tool runs if its schema allows that. A
#          required argument is the only thing that stops it. The next request says that the model asked with `{}`.
# Matters: A search, a listing or a clean-up whose arguments are optional runs over everything, where the model had
#          begun to name one folder. Give such tools at least one required argument.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @tanstack/ai@0.58.0 @tanstack/ai-openai@0.23.1 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { chat, maxIterations, toolDefinition } from '@tanstack/ai';
import { createOpenaiChat, createOpenaiChatCompletions } from '@tanstack/ai-openai';
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
  console.log(`${name.padEnd(20)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(20)} expected: ${expected}`);
  same &&= seen === expected;
};
const ended = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
const run = async (api, dir, text) => {
  const ran = [];
  const execute = async (input) => { ran.push(JSON.stringify(input)); return 'done'; };
  const list = toolDefinition({ name: 'list', description: 'lists', inputSchema: z.object({ dir }) }).server(execute);
  requests = [];
  answer = (body, response, number) => {
    if (api === 'responses') sse(response, events([call(1, 'list', text)], ended));
    else if (number === 1) chatSse(response, chunks([start(0, 'call_1', 'list'), args(0, text)], 'length'));
    else chatSse(response, chunks([{ content: 'ok' }], 'stop'));
  };
  const create = api === 'responses' ? createOpenaiChat : createOpenaiChatCompletions;
  const adapter = create('gpt-5.2', 'none', { baseURL, maxRetries: 0 });
  const options = { adapter, messages: [{ role: 'user', content: 'q' }], tools: [list], debug: false };
  let error = '';
  for await (const part of chat({ ...options, agentLoopStrategy: maxIterations(3) })) {
    if (part.type === 'RUN_ERROR') error = `, error ${part.message}`;
  }
  const sent = requests[1] ? `, sent back ${requests[1].messages[1].tool_calls[0].function.arguments}` : '';
  return `ran with ${ran.join() || 'nothing'}${sent}${error}`;
};
const cut = '{"dir":"/tm';
const one = z.string();
check('chat, optional', await run('chat', one.optional(), cut), 'ran with {}, sent back {}');
check('chat, required', await run('chat', one, cut), 'ran with nothing, sent back {}');
check('responses, optional', await run('responses', one.optional(), cut), 'ran with nothing, error max_output_tokens');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
