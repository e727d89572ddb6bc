#!/usr/bin/env bash
# Package: @tanstack/ai 0.58.0 with @tanstack/ai-openai 0.23.1, and @ax-llm/ax 24.0.21 (npm), streamed Responses
#          answers.
# Guess:   A streamed refusal ends in an error, or an answer, that holds the words of the refusal.
# Seen:    Both stop at `response.content_part.added`. That event opens a refusal part with an empty text, and the
#          words come behind it. TanStack reports "Refused without explanation", ax a refusal without words. With that
#          event left out, TanStack reports the words.
# Matters: Users are told that the model gave no reason, though it gave one. The fault looks like one of the server.
#          The same refusal, not streamed, keeps its words in ax.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @tanstack/ai@0.58.0 @tanstack/ai-openai@0.23.1 @ax-llm/ax@24.0.21 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { ai } from '@ax-llm/ax';
import { chat } from '@tanstack/ai';
import { createOpenaiChat } from '@tanstack/ai-openai';
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
const refusal = (id, text) => ({
  id, type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'refusal', refusal: text }],
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
const json = (response, body, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
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
const words = 'I can not help with that.';
let leftOut;
answer = (body, response) => {
  const output = [refusal('msg_1', words)];
  if (body.stream) sse(response, events(output).filter((event) => event.type !== leftOut));
  else json(response, whole(output));
};
const tanstack = async () => {
  const adapter = createOpenaiChat('gpt-5.2', 'none', { baseURL, maxRetries: 0 });
  let end = 'no error';
  for await (const part of chat({ adapter, messages: [{ role: 'user', content: 'q' }] })) {
    if (part.type === 'RUN_ERROR') end = part.message;
  }
  return end;
};
// The Responses client of ax goes to OpenAI whatever its URL is set to, so the requests are sent on here.
const there = (url, init) => fetch(String(url).replace('https://api.openai.com/v1', baseURL), init);
const model = ai({ name: 'openai-responses', apiKey: 'none', config: { model: 'm' }, options: { fetch: there } });
const read = async (stream) => {
  const result = await model.chat({ chatPrompt: [{ role: 'user', content: 'q' }] }, { stream });
  if (stream) for await (const part of result) void part;
};
const ax = (stream) => read(stream).then(() => 'no error', (error) => error.message.trim());
check('TanStack, streamed', await tanstack(), 'Refused without explanation');
check('ax, streamed', await ax(true), 'Model refused to fulfill request:');
check('ax, not streamed', await ax(false), `Model refused to fulfill request: ${words}`);
leftOut = 'response.content_part.added';
check('TanStack, without the event', await tanstack(), words);
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
