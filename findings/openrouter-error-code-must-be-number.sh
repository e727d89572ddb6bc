#!/usr/bin/env bash
# Package: @openrouter/sdk 1.3.19 (npm), `callModel` with a `serverURL` of its own.
# Guess:   An error answer in OpenAI's shape gives an error with the server's message. A 429 with `retry-after` is
#          tried again, as a 503 is.
# Seen:    OpenAI's `code` is a text or null, and the client wants a number there. With a text it throws "Response
#          validation failed", and the message of the server is not in it. A 429 is not tried again, whatever its code
#          is; 500 and 503 are.
# Matters: "Your input is too long", "no such model" and "wrong key" all look like a fault in the answer's format. The
#          status is in `statusCode` of the error, and the server's words are in `body`.
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
  console.log(`${name.padEnd(15)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(15)} expected: ${expected}`);
  same &&= seen === expected;
};
const more = { completed_at: 1700000001, frequency_penalty: 0, presence_penalty: 0 };
const run = async (status, code) => {
  requests = [];
  answer = (body, response, number) => {
    if (number > 1) return sse(response, events([message('msg_1', 'ok')], more));
    response.setHeader('retry-after', '1');
    json(response, { error: { message: 'the reason', type: 'some_error', param: null, code } }, status);
  };
  const client = new OpenRouter({ apiKey: 'none', serverURL: baseURL });
  const end = await client.callModel({ model: 'm', input: 'q' }).getText().catch((error) => {
    const hidden = error.message.includes('the reason') ? '' : `, status ${error.statusCode}, body `
      + (error.body?.includes('the reason') ? 'with the reason' : 'without it');
    return `throws "${error.message.split('\n')[0].replace(/ \[$/, '')}"${hidden}`;
  });
  return `requests ${requests.length}, ${end}`;
};
const failed = (status) => `requests 1, throws "Response validation failed", status ${status}, body with the reason`;
check('400, code text', await run(400, 'context_length_exceeded'), failed(400));
check('400, code null', await run(400, null), failed(400));
check('400, code 400', await run(400, 400), 'requests 1, throws "the reason"');
check('404, code text', await run(404, 'model_not_found'), failed(404));
check('429, code text', await run(429, 'rate_limit_exceeded'), failed(429));
check('429, code 429', await run(429, 429), 'requests 1, throws "the reason"');
check('503, code text', await run(503, 'server_is_overloaded'), 'requests 2, ok');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
