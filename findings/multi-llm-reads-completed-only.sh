#!/usr/bin/env bash
# Package: multi-llm-ts 5.1.1 (npm), the OpenAI engine with `useResponsesApi`.
# Guess:   A stream that ends with `response.failed` or an `error` event throws, or says in some other way that it
#          failed. The usage of an incomplete answer is counted like that of a whole one.
# Seen:    Both failures end the stream like a good answer: the text so far, no error, no mark. Usage is read from
#          `response.completed` alone: a streamed answer that met its output limit costs nothing. A failed response
#          that is not streamed is an empty answer.
# Matters: Users see half an answer and believe that it is whole. Tools that bill by this usage miss exactly the
#          longest answers. A server that knows a failure before its first byte helps with an HTTP error status, which
#          does throw.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  multi-llm-ts@5.1.1 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { Message, OpenAI } from 'multi-llm-ts';
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
  console.log(`${name.padEnd(21)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(21)} expected: ${expected}`);
  same &&= seen === expected;
};
const model = { id: 'm', name: 'm', capabilities: { tools: true, reasoning: true, responses: true } };
const thread = () => [new Message('system', 'Answer in one word.'), new Message('user', 'q')];

const engine = new OpenAI({ apiKey: 'none', baseURL }, { maxRetries: 0 });
const options = { useResponsesApi: true, usage: true };
const tell = (text, usage) => `"${text}", tokens in ${usage?.prompt_tokens} out ${usage?.completion_tokens}`;
const streamed = async () => {
  let text = '';
  let usage;
  for await (const part of engine.generate(model, thread(), options)) {
    if (part.type === 'content') text += part.text;
    if (part.type === 'usage') usage = part.usage;
  }
  return tell(text, usage);
};
const complete = async () => {
  const { content, usage } = await engine.complete(model, thread(), options);
  return tell(content, usage);
};
const run = async (read, act) => {
  answer = (body, response) => act(response);
  return read().catch((error) => `throws ${error.message}`);
};
const half = [message('msg_1', 'half')];
const cut = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
const fault = { code: 'server_error', message: 'the model server stopped' };
const failed = { status: 'failed', error: fault, usage: null };
const begun = events(half).slice(0, 5);
const end = (event) => (response) => sse(response, [...begun, { sequence_number: 5, ...event }]);
const lost = { type: 'response.failed', response: whole([], failed) };
const refused = (response) => json(response, { error: fault }, 500);
check('whole, completed', await run(complete, (response) => json(response, whole(half))),
  '"half", tokens in 10 out 5');
check('whole, incomplete', await run(complete, (response) => json(response, whole(half, cut))),
  '"half", tokens in 10 out 5');
check('whole, failed', await run(complete, (response) => json(response, whole([], failed))),
  '"", tokens in 0 out 0');
check('streamed, completed', await run(streamed, (response) => sse(response, events(half))),
  '"half", tokens in 10 out 5');
check('streamed, incomplete', await run(streamed, (response) => sse(response, events(half, cut))),
  '"half", tokens in 0 out 0');
check('streamed, failed', await run(streamed, end(lost)), '"half", tokens in 0 out 0');
check('streamed, error', await run(streamed, end({ type: 'error', param: null, ...fault })),
  '"half", tokens in 0 out 0');
check('streamed, status 500', await run(streamed, refused), 'throws 500 the model server stopped');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
