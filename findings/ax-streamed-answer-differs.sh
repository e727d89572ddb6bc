#!/usr/bin/env bash
# Package: @ax-llm/ax 24.0.21 (npm), `forward` over the Responses API.
# Guess:   `stream: true` changes when the pieces come, and not what the program returns.
# Seen:    The streamed thought is there three times: from its deltas, from `reasoning_summary_text.done` and from the
#          finished item. A sentence before a tool call becomes the beginning of the answer to the user. Not streamed,
#          the thought is there once, and the answer is only the answer.
# Matters: "I look it up." and "Paris" become "I look it up.Paris", and checks on the answer fail. Logs and cost of
#          thoughts are three times too big. `stream: false` gives the right result.
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
import { ai, ax } from '@ax-llm/ax';
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
// Answers the requests one by one with these outputs, the last one again and again.
const script = (...steps) => {
  requests = [];
  answer = (body, response, number) => {
    const { output, more = {} } = steps[Math.min(number, steps.length) - 1];
    const fields = { id: `resp_${number}`, ...more };
    if (body.stream) sse(response, events(output, fields));
    else json(response, whole(output, fields));
  };
};
let same = true;
const check = (name, seen, expected) => {
  console.log(`${name.padEnd(28)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(28)} expected: ${expected}`);
  same &&= seen === expected;
};
// The Responses client of ax goes to OpenAI whatever its URL is set to, so the requests are sent on here.
const there = (url, init) => fetch(String(url).replace('https://api.openai.com/v1', baseURL), init);
const settings = { name: 'openai-responses', apiKey: 'none', config: { model: 'm' } };
const create = () => ai({ ...settings, options: { fetch: there } });

const parameters = { type: 'object', properties: {} };
const functions = [{ name: 'find', description: 'finds the city', parameters, func: async () => 'Paris' }];
const run = async (stream, ...steps) => {
  script(...steps.map((output) => ({ output })));
  const program = ax('question:string -> answer:string', { functions });
  const { thought: text, answer: said } = await program.forward(create(), { question: 'q' }, { stream });
  return `thought "${text ?? ''}", answer "${said}"`;
};
const end = message('msg_2', 'Answer: Paris');
const plain = [[end]];
const thinking = [[thought('rs_1', 'A capital.', 'QQ=='), end]];
const speaking = [[message('msg_1', 'I look it up.'), call(1, 'find', '{}')], [end]];
check('whole, plain', await run(false, ...plain), 'thought "", answer "Paris"');
check('streamed, plain', await run(true, ...plain), 'thought "", answer "Paris"');
check('whole, thought', await run(false, ...thinking), 'thought "A capital.", answer "Paris"');
check('streamed, thought', await run(true, ...thinking),
  'thought "A capital.A capital.A capital.", answer "Paris"');
check('whole, sentence and call', await run(false, ...speaking), 'thought "", answer "Paris"');
check('streamed, sentence and call', await run(true, ...speaking), 'thought "", answer "I look it up.Paris"');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
