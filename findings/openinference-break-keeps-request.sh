#!/usr/bin/env bash
# Package: @arizeai/openinference-instrumentation-openai 4.2.7 with openai 7.57.0 (npm).
# Guess:   Tracing watches and changes nothing: leaving the loop over a stream (`break`) closes the request, and the
#          trace ends.
# Seen:    With the instrumentation the request stays open, and the trace is never written. The tracer reads a copy of
#          the stream of its own. Only an abort signal closes the request and ends the trace.
# Matters: The day that tracing is switched on, a server is no longer told that its clients left. Models write on and
#          are paid for, and exactly these turns are missing in the traces.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  openai@7.57.0 @arizeai/openinference-instrumentation-openai@4.2.7 \
  @opentelemetry/sdk-trace-node@2.8.0 @opentelemetry/api@1.9.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { OpenAIInstrumentation } from '@arizeai/openinference-instrumentation-openai';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import OpenAI from 'openai';
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
  console.log(`${name.padEnd(14)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(14)} expected: ${expected}`);
  same &&= seen === expected;
};
const exporter = new InMemorySpanExporter();
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
let closed;
// Sends half of an answer and then waits, like a model that thinks.
answer = (body, response) => {
  closed = false;
  response.on('close', () => (closed = true));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const begun = events([message('msg_1', 'a long answer')]).slice(0, 5);
  for (const event of begun) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
};
const client = new OpenAI({ apiKey: 'none', baseURL, maxRetries: 0 });
const run = async (leave) => {
  exporter.reset();
  const controller = new AbortController();
  const stream = await client.responses.create({ model: 'm', input: 'q', stream: true }, { signal: controller.signal });
  for await (const event of stream) {
    if (event.type !== 'response.output_text.delta') continue;
    if (leave === 'break') break;
    controller.abort();
  }
  await new Promise((resolve) => setTimeout(resolve, 3000));
  return `request ${closed ? 'closed' : 'open'} after 3 seconds, traces ${exporter.getFinishedSpans().length}`;
};
check('plain, break', await run('break'), 'request closed after 3 seconds, traces 0');
new OpenAIInstrumentation({ tracerProvider }).manuallyInstrument(OpenAI);
check('traced, break', await run('break'), 'request open after 3 seconds, traces 0');
check('traced, abort', await run('abort'), 'request closed after 3 seconds, traces 1');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
