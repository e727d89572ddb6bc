#!/usr/bin/env bash
# Package: @strands-agents/sdk 1.19.0 with openai 6.49.0 (npm), `OpenAIModel` with `stateful: true`.
# Guess:   An agent whose server has forgotten the previous response begins anew with what it knows. If a request
#          fails behind a tool call, the next turn sends the output of that call.
# Seen:    The agent keeps no history and tries the dead id again at every turn, so each turn fails for ever. After a
#          failure behind a call, the next turn goes to the response with that call and brings no output. OpenAI's API
#          refuses that ("No tool output found"), and so does each later turn.
# Matters: One lost response, or one 500 at the wrong moment, ends a conversation for good, though the process lives.
#          Applications must make a new agent. A server does well to keep responses longer than its clients live.
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
  console.log(`${name.padEnd(28)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(28)} expected: ${expected}`);
  same &&= seen === expected;
};
const fail = (response, status, message, code) => json(response, { error: { message, type: 'error', code } }, status);
const now = tool({ name: 'now', description: 'tells', inputSchema: z.object({}), callback: async () => 'noon' });
const turns = async (count, stateful) => {
  requests = [];
  const client = { modelId: 'm', apiKey: 'none', clientConfig: { baseURL, maxRetries: 0 } };
  const agent = new Agent({
    model: new OpenAIModel({ api: 'responses', stateful, ...client }), tools: [now], printer: false,
  });
  const seen = [];
  for (let turn = 1; turn <= count; turn++) {
    const end = await agent.invoke(`turn ${turn}`).then((result) => result.stopReason, (error) => error.message);
    const { previous_response_id: id, input } = requests.at(-1);
    seen.push(`${end} (${id ?? 'no id'}, items ${input.length})`);
  }
  return seen.join('; ');
};
const text = (number) => events([message(`msg_${number}`, 'hello')], { id: `resp_${number}` });
// The server lost every response in a restart behind the first answer.
const forgetful = (body, response, number) => {
  if (body.previous_response_id) fail(response, 400, 'previous response not found', 'previous_response_not_found');
  else sse(response, text(number));
};
answer = forgetful;
check('response lost, stateful', await turns(3, true), 'endTurn (no id, items 1); '
  + '400 previous response not found (resp_1, items 1); 400 previous response not found (resp_1, items 1)');
check('response lost, not stateful', await turns(3, false),
  'endTurn (no id, items 1); endTurn (no id, items 3); endTurn (no id, items 5)');
// The first answer calls a tool, the request with its output meets a 500, and later ones follow OpenAI's rule.
const oneFault = (body, response, number) => {
  const answered = body.input.some((item) => item.type === 'function_call_output');
  if (number === 1) sse(response, events([call(1, 'now', '{}')], { id: 'resp_1' }));
  else if (number === 2) fail(response, 500, 'fault', 'server_error');
  else if (!answered) fail(response, 400, 'no tool output found', null);
  else sse(response, text(number));
};
answer = oneFault;
check('one 500, stateful', await turns(3, true), '500 fault (resp_1, items 3); '
  + '400 no tool output found (resp_1, items 1); 400 no tool output found (resp_1, items 1)');
check('one 500, not stateful', await turns(2, false), '500 fault (no id, items 3); endTurn (no id, items 4)');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
