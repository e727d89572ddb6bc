#!/usr/bin/env bash
# Package: @ax-llm/ax 24.0.21 (npm), streams of the Responses client.
# Guess:   The parts of a stream tell the usage of that stream, or none.
# Seen:    From the second answer of a client on, every part carries the usage of the answer before, until the last
#          part brings the right one. If the server sends no usage, the old one is the only one that the caller sees.
# Matters: A program that takes the first usage of a stream counts the wrong request, and one that adds them up counts
#          one request many times. An aborted answer is billed as its predecessor.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @ax-llm/ax@24.0.21 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { ai } from '@ax-llm/ax';
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
let same = true;
const check = (name, seen, expected) => {
  console.log(`${name.padEnd(24)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(24)} expected: ${expected}`);
  same &&= seen === expected;
};
// The Responses client of ax goes to OpenAI whatever its URL is set to, so the requests are sent on here.
const there = (url, init) => fetch(String(url).replace('https://api.openai.com/v1', baseURL), init);
const settings = { name: 'openai-responses', apiKey: 'none', config: { model: 'm' } };
const create = () => ai({ ...settings, options: { fetch: there } });

const run = async (client, tokens) => {
  const usage = tokens && {
    input_tokens: tokens, input_tokens_details: { cached_tokens: 0 },
    output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: tokens + 1,
  };
  answer = (body, response) => sse(response, events([message('msg_1', 'hello')], { usage }));
  const seen = [];
  for await (const part of await client.chat({ chatPrompt: [{ role: 'user', content: 'q' }] }, { stream: true })) {
    seen.push(part.modelUsage?.tokens?.promptTokens ?? 'none');
  }
  return `first ${seen[0]}, last ${seen.at(-1)}, parts with a usage ${seen.filter((one) => one !== 'none').length}`;
};
const one = create();
check('1st answer, 100 tokens', await run(one, 100), 'first none, last 100, parts with a usage 1');
check('2nd answer, 7 tokens', await run(one, 7), 'first 100, last 7, parts with a usage 10');
check('3rd answer, usage null', await run(one, null), 'first 7, last none, parts with a usage 9');
check('a new client, 7 tokens', await run(create(), 7), 'first none, last 7, parts with a usage 1');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
