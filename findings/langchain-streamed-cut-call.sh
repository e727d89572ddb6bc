#!/usr/bin/env bash
# Package: @langchain/openai 1.6.0 with @langchain/core 1.4.0 (npm), `ChatOpenAI` with `useResponsesApi`.
# Guess:   A call whose arguments were cut (the response is incomplete) is an invalid tool call, streamed or not.
# Seen:    Not streamed it is in `invalid_tool_calls`. Streamed it is in `tool_calls`: the partial JSON is closed and
#          passed as the arguments that the model meant. Nothing marks it; only the response's status says "incomplete".
# Matters: An agent runs a cut command as if it were whole: half a path, half a file, half a query.
#          Callers must look at `response_metadata.status` before they run tools.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @langchain/openai@1.6.0 @langchain/core@1.4.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { ChatOpenAI } from '@langchain/openai';
const whole = (output, more = {}) => ({
  id: "resp_1", object: "response", created_at: 1700000000, status: "completed", error: null,
  incomplete_details: null, instructions: null, metadata: {}, model: "m", output, parallel_tool_calls: true,
  temperature: 1, tool_choice: "auto", tools: [], top_p: 1,
  usage: {
    input_tokens: 1, input_tokens_details: { cached_tokens: 0 },
    output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 2,
  },
  ...more,
});
const message = (text, more = {}) => ({
  id: "msg_" + text.length, type: "message", role: "assistant", status: "completed",
  content: [{ type: "output_text", text, annotations: [], logprobs: [] }], ...more,
});
const call = (number, args) => ({
  id: `fc_${number}`, type: "function_call", call_id: `call_${number}`, name: "run",
  arguments: args, status: "completed",
});
const json = (response, body) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};
const events = (response, list) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  list.forEach((event, number) => {
    const data = JSON.stringify({ sequence_number: number, ...event });
    response.write(`event: ${event.type}\ndata: ${data}\n\n`);
  });
  response.end();
};
const args = '{"path":"/srv/app/tmp';
const cut = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
const answer = (body, response) => {
  const item = call(1, args);
  if (!body.stream) return json(response, whole([item], cut));
  events(response, [
    { type: 'response.created', response: whole([], { status: 'in_progress' }) },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '', status: 'in_progress' } },
    { type: 'response.function_call_arguments.delta', item_id: item.id, output_index: 0, delta: args },
    { type: 'response.output_item.done', output_index: 0, item: { ...item, status: 'incomplete' } },
    { type: 'response.incomplete', response: whole([{ ...item, status: 'incomplete' }], cut) },
  ]);
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const configuration = { baseURL };
const model = new ChatOpenAI({ model: 'm', apiKey: 'none', useResponsesApi: true, maxRetries: 0, configuration });
const tell = (message) => `tool_calls ${JSON.stringify(message.tool_calls.map((one) => one.args))}, `
  + `invalid_tool_calls ${message.invalid_tool_calls.length}, status ${message.response_metadata.status}`;
let joined;
for await (const chunk of await model.stream('q')) joined = joined ? joined.concat(chunk) : chunk;
const rows = [
  ['invoke', tell(await model.invoke('q')), 'tool_calls [], invalid_tool_calls 1, status incomplete'],
  ['stream', tell(joined), 'tool_calls [{"path":"/srv/app/tmp"}], invalid_tool_calls 0, status incomplete'],
];
let same = true;
for (const [name, seen, expected] of rows) {
  console.log(`${name.padEnd(7)} ${seen}`);
  same &&= seen === expected;
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
