#!/usr/bin/env bash
# Package: langchain 1.5.14 with @langchain/openai 1.6.0 and @langchain/core 1.4.0 (npm), `customTool` in
#          `createAgent`.
# Guess:   The output of a custom tool goes back as `custom_tool_call_output`, beside its `custom_tool_call`.
# Seen:    It goes back as `function_call_output`. With `outputVersion: 'v1'` the call itself becomes a
#          `function_call` with JSON arguments, and a streamed one goes back twice under one call id: as both.
# Matters: The reference pairs each call with the output of its own type. A server that follows it refuses the second
#          request: no custom tool call of such an agent is ever answered. A model that reads its own call as a
#          function call writes JSON the next time.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  langchain@1.5.14 @langchain/openai@1.6.0 @langchain/core@1.4.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { ChatOpenAI, customTool } from '@langchain/openai';
import { createAgent } from 'langchain';
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
  console.log(`${name.padEnd(13)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(13)} expected: ${expected}`);
  same &&= seen === expected;
};
const item = {
  type: 'custom_tool_call', id: 'ctc_1', call_id: 'call_1', name: 'run', input: 'print(1)', status: 'completed',
};
const added = { ...item, input: '', status: 'in_progress' };
const at = { item_id: 'ctc_1', output_index: 0 };
const stream = [
  { type: 'response.created', response: { ...whole([]), status: 'in_progress', usage: null } },
  { type: 'response.output_item.added', output_index: 0, item: added },
  { type: 'response.custom_tool_call_input.delta', ...at, delta: item.input },
  { type: 'response.custom_tool_call_input.done', ...at, input: item.input },
  { type: 'response.output_item.done', output_index: 0, item },
  { type: 'response.completed', response: whole([item]) },
].map((event, sequence_number) => ({ ...event, sequence_number }));
answer = (body, response, number) => {
  if (number > 1) json(response, whole([message('msg_1', 'ok')], { id: `resp_${number}` }));
  else if (body.stream) sse(response, stream);
  else json(response, whole([item]));
};
const code = { name: 'run', description: 'runs code', format: { type: 'text' } };
const run = async (outputVersion, streaming) => {
  requests = [];
  const settings = { model: 'm', apiKey: 'none', configuration: { baseURL }, maxRetries: 0, useResponsesApi: true };
  const model = new ChatOpenAI({ ...settings, outputVersion, streaming });
  const agent = createAgent({ model, tools: [customTool(async () => '1', code)] });
  // A streamed second answer is of no interest: the request before it is.
  await agent.invoke({ messages: [{ role: 'user', content: 'q' }] }).catch(() => {});
  return requests[1].input.slice(1).map((sent) => sent.type).join(' ');
};
check('v0, whole', await run('v0', false), 'custom_tool_call function_call_output');
check('v0, streamed', await run('v0', true), 'custom_tool_call function_call_output');
check('v1, whole', await run('v1', false), 'function_call function_call_output');
check('v1, streamed', await run('v1', true), 'function_call custom_tool_call function_call_output');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
