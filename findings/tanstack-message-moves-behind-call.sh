#!/usr/bin/env bash
# Package: @tanstack/ai 0.58.0 with @tanstack/ai-openai 0.23.1 (npm), the tool loop of `chat` over the Responses API.
# Guess:   The next request of the loop gives the items of the answer back in the order in which the model wrote them.
# Seen:    The texts of all messages become one message without a space between them. It stands behind the calls,
#          between a call and its output. Reasoning items keep their order, and all of them stand before the calls.
# Matters: The model reads "I look." behind the call that it announced. Prefix caches miss from the first such answer
#          on, and a server that asks for an output right behind its call refuses the request. `previous_response_id`
#          does not help: the loop keeps the id of its start.
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
import { createOpenaiChat } from '@tanstack/ai-openai';
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
const thought = (id, text, encrypted_content) => ({
  id, type: 'reasoning', summary: [{ type: 'summary_text', text }], encrypted_content,
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
// Answers the requests one by one with these outputs, the last one again and again.
const script = (...steps) => {
  requests = [];
  answer = (body, response, number) => {
    const { output, more = {} } = steps[Math.min(number, steps.length) - 1];
    sse(response, events(output, { id: `resp_${number}`, ...more }));
  };
};
let same = true;
const check = (name, seen, expected) => {
  console.log(`${name.padEnd(21)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(21)} expected: ${expected}`);
  same &&= seen === expected;
};
const now = toolDefinition({ name: 'now', description: 'tells', inputSchema: z.object({}) }).server(async () => 'noon');
const names = { function_call: 'call', function_call_output: 'output', reasoning: 'thought' };
const tell = (item) => (item.type === 'message' ? `${item.role}(${JSON.stringify(item.content)})` : names[item.type]);
const run = async (modelOptions, ...output) => {
  script({ output }, { output: [message('msg_9', 'noon')] });
  const adapter = createOpenaiChat('gpt-5.2', 'none', { baseURL, maxRetries: 0 });
  const messages = [{ role: 'user', content: 'q' }];
  const options = { adapter, messages, tools: [now], agentLoopStrategy: maxIterations(3), modelOptions };
  for await (const part of chat(options)) void part;
  const { input, previous_response_id: id } = requests[1];
  return input.slice(1).map(tell).join(' ') + (id ? `, behind ${id}` : '');
};
const look = message('msg_1', 'I look.');
const asked = [thought('rs_1', 'one', 'QQ=='), look, thought('rs_2', 'two', 'Qg=='), call(1, 'now', '{}')];
const two = [look, message('msg_2', 'At the clock.'), call(1, 'now', '{}')];
check('call', await run({}, call(1, 'now', '{}')), 'call output');
check('message, call', await run({}, look, call(1, 'now', '{}')), 'call assistant("I look.") output');
check('two messages, call', await run({}, ...two), 'call assistant("I look.At the clock.") output');
check('thoughts around it', await run({}, ...asked), 'thought thought call assistant("I look.") output');
check('previous_response_id', await run({ previous_response_id: 'resp_0' }, look, call(1, 'now', '{}')),
  'call assistant("I look.") output, behind resp_0');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
