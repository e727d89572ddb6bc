#!/usr/bin/env bash
# Package: @strands-agents/sdk 1.19.0 with openai 6.49.0 (npm), `OpenAIModel`.
# Guess:   An answer that a content filter cut ends with stopReason "contentFiltered", over both APIs. The words of a
#          refusal are in the last message.
# Seen:    Over chat completions the cut answer is "contentFiltered". Over the Responses API it is "endTurn", like a
#          whole answer. A refusal is "endTurn" with a message without content, over both.
# Matters: An application that looks at the stop reason takes half an answer for a whole one as soon as it moves to
#          the Responses API. A refused user sees nothing at all. Only `max_output_tokens` throws.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @strands-agents/sdk@1.19.0 @modelcontextprotocol/sdk@1.32.2 @opentelemetry/api@1.9.0 openai@6.49.0 \
  zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { Agent } from '@strands-agents/sdk';
import { OpenAIModel } from '@strands-agents/sdk/models/openai';
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
const usage = {
  prompt_tokens: 10, completion_tokens: 5, total_tokens: 15,
  prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 2 },
};
const chunk = (choices, more = {}) => ({
  id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000, model: 'm', choices, ...more,
});
const chunks = (deltas, finish_reason) => [
  chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
  ...deltas.map((delta) => chunk([{ index: 0, delta, finish_reason: null }])),
  chunk([{ index: 0, delta: {}, finish_reason }]),
  chunk([], { usage }),
];
const chatSse = (response, list, end = '\n') => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const data of [...list.map((item) => JSON.stringify(item)), '[DONE]']) {
    response.write(`data: ${data}${end}${end}`);
  }
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
  console.log(`${name.padEnd(29)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(29)} expected: ${expected}`);
  same &&= seen === expected;
};
const run = async (api, list) => {
  answer = (body, response) => (api === 'chat' ? chatSse(response, list) : sse(response, list));
  const model = new OpenAIModel({ api, modelId: 'm', apiKey: 'none', clientConfig: { baseURL, maxRetries: 0 } });
  try {
    const result = await new Agent({ model, printer: false }).invoke('q');
    return `${result.stopReason} ${JSON.stringify(result.lastMessage.content)}`;
  } catch (error) {
    return `throws ${error.name}`;
  }
};
const cut = (reason) => events([message('msg_1', 'half')], { status: 'incomplete', incomplete_details: { reason } });
const half = (reason) => chunks([{ content: 'half' }], reason);
const refused = events([refusal('msg_1', 'I can not.')]);
check('chat, whole', await run('chat', half('stop')), 'endTurn [{"text":"half"}]');
check('chat, content_filter', await run('chat', half('content_filter')), 'contentFiltered [{"text":"half"}]');
check('chat, length', await run('chat', half('length')), 'throws MaxTokensError');
check('chat, refusal', await run('chat', chunks([{ refusal: 'I can not.' }], 'stop')), 'endTurn []');
check('responses, content_filter', await run('responses', cut('content_filter')), 'endTurn [{"text":"half"}]');
check('responses, max_output_tokens', await run('responses', cut('max_output_tokens')), 'throws MaxTokensError');
check('responses, refusal', await run('responses', refused), 'endTurn []');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
