#!/usr/bin/env bash
# Package: @strands-agents/sdk 1.19.0 with openai 6.49.0 (npm), `OpenAIModel` with `stateful: true`.
# Guess:   With `previous_response_id` a request holds only what is new. Behind a tool call that is the output of the
#          tool, as other clients send it.
# Seen:    Each request of a tool loop names the previous response and sends the whole turn again: the user's message,
#          every call and every output. Only the next user turn starts with new items alone.
# Matters: The server's conversation holds the question once a step, and each call id several times. Tokens grow with
#          the square of the steps. A server that refuses a call id that it knows already ends the loop.
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
import { Agent, tool } from '@strands-agents/sdk';
import { OpenAIModel } from '@strands-agents/sdk/models/openai';
import { z } from 'zod';
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
    sse(response, events(output, { id: `resp_${number}`, ...more }));
  };
};
let same = true;
const check = (name, seen, expected) => {
  console.log(`${name.padEnd(24)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(24)} expected: ${expected}`);
  same &&= seen === expected;
};
const now = tool({ name: 'now', description: 'tells', inputSchema: z.object({}), callback: async () => 'noon' });
const run = async (stateful) => {
  script(
    { output: [call(1, 'now', '{}')] },
    { output: [call(2, 'now', '{}')] },
    { output: [message('msg_1', 'noon twice')] },
    { output: [message('msg_2', 'bye')] },
  );
  const client = { modelId: 'm', apiKey: 'none', clientConfig: { baseURL, maxRetries: 0 } };
  const model = new OpenAIModel({ api: 'responses', stateful, ...client });
  const agent = new Agent({ model, tools: [now], printer: false });
  await agent.invoke('first');
  await agent.invoke('second');
  const names = { function_call: 'call', function_call_output: 'output' };
  return requests.map((body) => {
    const items = body.input.map((item) => names[item.type] ?? item.role).join(' ');
    return `${body.previous_response_id ?? 'none'}: ${items}`;
  });
};
const chained = await run(true);
const free = await run(false);
check('stateful, request 1', chained[0], 'none: user');
check('stateful, request 2', chained[1], 'resp_1: user call output');
check('stateful, request 3', chained[2], 'resp_2: user call output call output');
check('stateful, the next turn', chained[3], 'resp_3: user');
check('not stateful, request 3', free[2], 'none: user call output call output');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
