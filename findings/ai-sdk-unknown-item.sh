#!/usr/bin/env bash
# Package: @ai-sdk/openai 4.0.118 with ai 7.0.173 (npm), the Responses model.
# Guess:   An output item of an unknown type is skipped, streamed or not.
# Seen:    `streamText` skips it and gives the text. `generateText` throws "Invalid JSON response" for the same output.
#          Every item that the server passes through must be of a type that this version lists.
# Matters: A server that passes new item types verbatim works for one user of this SDK and fails for the next.
#          The message blames the JSON, which is right; the cause of the error names the item.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @ai-sdk/openai@4.0.118 ai@7.0.173 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
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
let output;
const answer = (body, response) => {
  if (!body.stream) return json(response, whole(output));
  const list = output.flatMap((item, output_index) => [
    { type: 'response.output_item.added', output_index, item },
    ...(item.content ?? []).map((part) => (
      { type: 'response.output_text.delta', item_id: item.id, output_index, content_index: 0, delta: part.text })),
    { type: 'response.output_item.done', output_index, item },
  ]);
  events(response, [
    { type: 'response.created', response: whole([], { status: 'in_progress' }) },
    ...list,
    { type: 'response.completed', response: whole(output) },
  ]);
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const model = createOpenAI({ baseURL, apiKey: 'none' }).responses('m');
const call = { model, prompt: 'q', maxRetries: 0 };
const tell = async (read) => {
  try { return 'text ' + (await read()); } catch (error) { return `throws ${error.name}: ${error.message}`; }
};
const known = [message('hello')];
const unknown = [{ type: 'weather_report', id: 'wr_1', status: 'completed' }, message('hello')];
const rows = [
  ['streamText, known', known, async () => await streamText(call).text, 'text hello'],
  ['generateText, known', known, async () => (await generateText(call)).text, 'text hello'],
  ['streamText, unknown', unknown, async () => await streamText(call).text, 'text hello'],
  ['generateText, unknown', unknown, async () => (await generateText(call)).text, 'throws AI_APICallError: Invalid'],
];
let same = true;
for (const [name, items, read, expected] of rows) {
  output = items;
  const seen = await tell(read);
  console.log(`${name.padEnd(22)} ${seen}`);
  same &&= seen.startsWith(expected);
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
