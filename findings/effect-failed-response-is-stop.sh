#!/usr/bin/env bash
# Package: @effect/ai-openai 0.41.0 with @effect/ai 0.37.0 and effect 3.22.4 (npm), `LanguageModel` over the Responses
#          API.
# Guess:   A response with `status: "failed"` makes the effect fail, or has at least a finish reason other than
#          "stop".
# Seen:    It succeeds. Not streamed it is an empty text with the finish reason "stop". Streamed it is the text so far
#          with "stop". The server's message is nowhere. An `error` event does give an error part, and an HTTP status
#          fails.
# Matters: An effect that never fails is never retried: half an answer passes every check. A server that knows the
#          failure before its first byte helps with an HTTP error status.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @effect/ai-openai@0.41.0 @effect/ai@0.37.0 @effect/experimental@0.61.0 @effect/platform@0.97.2 \
  @effect/rpc@0.76.0 effect@3.22.4 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { LanguageModel } from '@effect/ai';
import { OpenAiClient, OpenAiLanguageModel } from '@effect/ai-openai';
import { FetchHttpClient } from '@effect/platform';
import { Effect, Layer, Redacted, Stream } from 'effect';
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
  console.log(`${name.padEnd(20)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(20)} expected: ${expected}`);
  same &&= seen === expected;
};
const client = OpenAiClient.layer({ apiKey: Redacted.make('none'), apiUrl: baseURL })
  .pipe(Layer.provide(FetchHttpClient.layer));
const model = OpenAiLanguageModel.layer({ model: 'm' }).pipe(Layer.provide(client));
const run = (effect) => Effect.runPromise(effect.pipe(Effect.provide(model)))
  .catch((error) => `fails: ${/^\(FiberFailure\) (\w+)/.exec(String(error))?.[1]}`);
const complete = () => run(LanguageModel.generateText({ prompt: 'q' })
  .pipe(Effect.map((response) => `"${response.text}", reason ${response.finishReason}`)));
const streamed = () => run(Stream.runCollect(LanguageModel.streamText({ prompt: 'q' }))
  .pipe(Effect.map((parts) => {
    const list = [...parts];
    const text = list.filter((part) => part.type === 'text-delta').map((part) => part.delta).join('');
    const finish = list.find((part) => part.type === 'finish');
    return `"${text}", ${finish ? `reason ${finish.reason}` : `last part ${list.at(-1).type}`}`;
  })));
const half = [message('msg_1', 'half')];
const fault = { code: 'server_error', message: 'the model stopped' };
const lost = whole([], { status: 'failed', error: fault, usage: null });
const cut = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
const begun = events(half).slice(0, 5);
const end = (event) => (body, response) => sse(response, [...begun, { sequence_number: 5, ...event }]);
const refused = (body, response) => json(response, { error: fault }, 500);
const rows = [
  ['whole, completed', complete, (body, response) => json(response, whole(half)), '"half", reason stop'],
  ['whole, incomplete', complete, (body, response) => json(response, whole(half, cut)), '"half", reason length'],
  ['whole, failed', complete, (body, response) => json(response, lost), '"", reason stop'],
  ['whole, status 500', complete, refused, 'fails: HttpResponseError'],
  ['streamed, completed', streamed, (body, response) => sse(response, events(half)), '"half", reason stop'],
  ['streamed, failed', streamed, end({ type: 'response.failed', response: lost }), '"half", reason stop'],
  ['streamed, error', streamed, end({ type: 'error', param: null, ...fault }), '"half", last part error'],
];
for (const [name, read, act, expected] of rows) {
  answer = act;
  check(name, await read(), expected);
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
