#!/usr/bin/env bash
# Package: braintrust 3.35.0, @arizeai/openinference-instrumentation-openai 4.2.7 and @posthog/ai 8.13.1 with openai
#          6.49.0 (npm).
# Guess:   A trace of a streamed answer that met its output limit has its text and its tokens, like the trace of a
#          whole answer.
# Seen:    braintrust and openinference read `response.completed` alone: the trace of a streamed, incomplete answer
#          has neither text nor tokens. openinference calls it an error besides. Not streamed, both record it, and
#          @posthog/ai records it both ways.
# Matters: The longest answers cost most, and these are missing in the cost report. Users of a server that compare its
#          own token counts with their traces see a difference that grows with the limit.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  openai@6.49.0 @arizeai/openinference-instrumentation-openai@4.2.7 \
  @opentelemetry/sdk-trace-node@2.8.0 @opentelemetry/api@1.9.0 braintrust@3.35.0 @posthog/ai@8.13.1 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { OpenAIInstrumentation } from '@arizeai/openinference-instrumentation-openai';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { OpenAI as PostHogOpenAI } from '@posthog/ai/openai';
import { _exportsForTestingOnly as braintrust, initLogger, wrapOpenAI } from 'braintrust';
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
  console.log(`${name.padEnd(36)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(36)} expected: ${expected}`);
  same &&= seen === expected;
};
const settings = { apiKey: 'none', baseURL, maxRetries: 0 };
const recorded = [];
const posthog = new PostHogOpenAI({ ...settings, posthog: {
  capture: (event) => recorded.push(event), options: {}, privacyMode: false,
} });
const log = braintrust.useTestBackgroundLogger();
await braintrust.simulateLoginForTests();
initLogger({ projectName: 'p', projectId: 'p' });
const wrapped = wrapOpenAI(new OpenAI(settings));

const readers = {
  braintrust: async () => {
    const [{ metrics, output, error }] = await log.drain();
    return [output, metrics.completion_tokens, error];
  },
  posthog: () => {
    const { $ai_output_choices: output, $ai_output_tokens: tokens, $ai_error: error } = recorded.pop().properties;
    return [output, tokens, error];
  },
  openinference: () => {
    const [{ attributes, status }] = exporter.getFinishedSpans();
    exporter.reset();
    const tokens = attributes['llm.token_count.completion'];
    return [attributes['output.value'], tokens, status.code === 2 ? 'error' : undefined];
  },
};
const incomplete = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
const run = async (name, client, stream, more) => {
  script({ output: [message('msg_1', 'half')], more });
  const body = { model: 'm', input: 'q', stream, ...(name === 'posthog' ? { posthogDistinctId: 'u' } : {}) };
  const result = await client.responses.create(body);
  if (stream) for await (const event of result) void event;
  await new Promise((resolve) => setTimeout(resolve, 200));
  const [output, tokens, error] = await readers[name]();
  const text = JSON.stringify(output ?? '').includes('half') ? 'text' : 'no text';
  return `${text}, tokens ${tokens ?? 'none'}${error ? ', error' : ''}`;
};
const all = 'text, tokens 5';
const check3 = async (name, client, expected) => {
  check(`${name}, streamed, completed`, await run(name, client, true, {}), all);
  check(`${name}, whole, incomplete`, await run(name, client, false, incomplete), all);
  check(`${name}, streamed, incomplete`, await run(name, client, true, incomplete), expected);
};
await check3('posthog', posthog, all);
await check3('braintrust', wrapped, 'no text, tokens none');
const exporter = new InMemorySpanExporter();
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
new OpenAIInstrumentation({ tracerProvider }).manuallyInstrument(OpenAI);
await check3('openinference', new OpenAI(settings), 'no text, tokens none, error');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
