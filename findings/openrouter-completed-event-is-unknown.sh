#!/usr/bin/env bash
# Package: @openrouter/sdk 1.3.19 (npm), `beta.responses.send` and `callModel` with a `serverURL` of its own.
# Guess:   The client takes every response that follows OpenAI's reference. There `completed_at`, `frequency_penalty`
#          and `presence_penalty` may be missing.
# Seen:    If one of them is missing, a whole answer is refused. A streamed one reaches its end, but the last event is
#          of type "UNKNOWN". `callModel` then throws "Stream ended without completion event", whatever the model
#          wrote. It says the same words for an `error` event and hides the server's message.
# Matters: Such a client works with one server and not with the next, and the message blames the stream. A server
#          should write the three fields in every response object, `completed_at: null` included.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @openrouter/sdk@1.3.19 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { OpenRouter } from '@openrouter/sdk';
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
  console.log(`${name.padEnd(27)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(27)} expected: ${expected}`);
  same &&= seen === expected;
};
const client = new OpenRouter({ apiKey: 'none', serverURL: baseURL, retryConfig: { strategy: 'none' } });
const output = [message('msg_1', 'hello')];
const send = async (more) => {
  answer = (body, response) => json(response, whole(output, more));
  const request = { responsesRequest: { model: 'm', input: 'q' } };
  return client.beta.responses.send(request).then((result) => result.output[0].content[0].text, (error) => error.name);
};
const lastEvent = async (more) => {
  answer = (body, response) => sse(response, events(output, more));
  let last;
  const request = { responsesRequest: { model: 'm', input: 'q', stream: true } };
  for await (const event of await client.beta.responses.send(request)) last = event.type;
  return last;
};
const text = async (list) => {
  answer = (body, response) => sse(response, list);
  return client.callModel({ model: 'm', input: 'q' }).getText().catch((error) => `throws ${error.message}`);
};
const all = { completed_at: 1700000001, frequency_penalty: 0, presence_penalty: 0 };
for (const name of Object.keys(all)) {
  const { [name]: left, ...rest } = all;
  check(`whole, no ${name}`, await send(rest), 'ResponseValidationError');
}
const fault = { type: 'error', sequence_number: 5, code: 'server_error', message: 'no model', param: null };
const ended = 'throws Stream ended without completion event';
check('whole, all three', await send(all), 'hello');
check('last event, none', await lastEvent({}), 'UNKNOWN');
check('last event, all three', await lastEvent(all), 'response.completed');
check('callModel, none', await text(events(output)), ended);
check('callModel, all three', await text(events(output, all)), 'hello');
check('callModel, error event', await text([...events(output, all).slice(0, 5), fault]), ended);
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
