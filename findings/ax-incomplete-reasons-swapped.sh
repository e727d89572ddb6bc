#!/usr/bin/env bash
# Package: @ax-llm/ax 24.0.21 (npm), the Responses client.
# Guess:   An answer that met its output limit has finishReason "length". One that a filter cut has "content_filter".
#          Streamed or not is the same.
# Seen:    Not streamed, both are "content_filter". Streamed, both are "length". `incomplete_details.reason` is not
#          read. A whole call in an incomplete answer runs where it is not streamed, and throws "Max tokens reached"
#          where it is.
# Matters: A user of a small output limit is told of a filter that does not exist. Code that retries with more tokens
#          for "length" does so for filtered answers, and never for the right ones.
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

const prompt = { chatPrompt: [{ role: 'user', content: 'q' }] };
const incomplete = (reason) => ({ status: 'incomplete', incomplete_details: { reason } });
const reasonOf = async (stream, more) => {
  script({ output: [message('msg_1', 'half', more.status ? { status: more.status } : {})], more });
  const result = await create().chat(prompt, { stream });
  let last = result.results?.at(-1).finishReason;
  if (stream) for await (const part of result) last = part.results.at(-1).finishReason;
  return last;
};
const parameters = { type: 'object', properties: {} };
const runs = async (stream) => {
  script({ output: [call(1, 'now', '{}')], more: incomplete('max_output_tokens') },
    { output: [message('msg_1', 'Answer: noon')] });
  let ran = 0;
  const func = async () => { ran++; return 'noon'; };
  const functions = [{ name: 'now', description: 'tells the time', parameters, func }];
  const program = ax('question:string -> answer:string', { functions });
  const end = await program.forward(create(), { question: 'q' }, { stream, maxRetries: 1 })
    .then((result) => `answer ${result.answer}`, (error) => `throws ${error.message.split('\n')[0]}`);
  return `tool ran ${ran} times, ${end}`;
};
check('whole, completed', await reasonOf(false, {}), 'stop');
check('whole, max_output_tokens', await reasonOf(false, incomplete('max_output_tokens')), 'content_filter');
check('whole, content_filter', await reasonOf(false, incomplete('content_filter')), 'content_filter');
check('streamed, completed', await reasonOf(true, {}), 'stop');
check('streamed, max_output_tokens', await reasonOf(true, incomplete('max_output_tokens')), 'length');
check('streamed, content_filter', await reasonOf(true, incomplete('content_filter')), 'length');
check('whole, a call', await runs(false), 'tool ran 1 times, answer noon');
check('streamed, a call', await runs(true),
  'tool ran 0 times, throws Generate failed: Max tokens reached before completion');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
