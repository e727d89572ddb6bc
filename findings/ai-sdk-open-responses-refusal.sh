#!/usr/bin/env bash
# Package: @ai-sdk/open-responses 2.0.36 with ai 7.0.173 (npm), the provider for any server with the Open Responses API.
# Guess:   A refusal is given as text or as a reason, as @ai-sdk/openai does (text, finishReason "content-filter").
# Seen:    `generateText` throws a TypeError that names no cause. `streamText` ends normally with an empty text
#          and finishReason "stop". The words of the refusal are in neither.
# Matters: The same application behaves in three ways when only the provider or the streaming changes.
#          A server that turns the refusal of a model server into a refusal part breaks clients of this provider.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @ai-sdk/open-responses@2.0.36 @ai-sdk/openai@4.0.118 ai@7.0.173 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createOpenResponses } from '@ai-sdk/open-responses';
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
const item = message('', { content: [{ type: 'refusal', refusal: 'I can not help with this.' }] });
const part = item.content[0];
const place = { item_id: item.id, output_index: 0, content_index: 0 };
const answer = (body, response) => {
  if (!body.stream) return json(response, whole([item]));
  events(response, [
    { type: 'response.created', response: whole([], { status: 'in_progress' }) },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, content: [], status: 'in_progress' } },
    { type: 'response.content_part.added', ...place, part: { type: 'refusal', refusal: '' } },
    { type: 'response.refusal.delta', ...place, delta: part.refusal },
    { type: 'response.refusal.done', ...place, refusal: part.refusal },
    { type: 'response.content_part.done', ...place, part },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: whole([item]) },
  ]);
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const models = {
  'openai': createOpenAI({ baseURL, apiKey: 'none' }).responses('m'),
  'open-responses': createOpenResponses({ name: 'x', url: baseURL + '/responses', apiKey: 'none' })('m'),
};
const tell = async (read, model) => {
  try {
    const result = await read({ model, prompt: 'q', maxRetries: 0 });
    return JSON.stringify(await result.text) + ', ' + (await result.finishReason);
  } catch (error) {
    return `throws ${error.name}`;
  }
};
const said = '"I can not help with this.", content-filter';
const rows = [
  ['openai', generateText, said],
  ['openai', streamText, said],
  ['open-responses', generateText, 'throws TypeError'],
  ['open-responses', streamText, '"", stop'],
];
let same = true;
for (const [name, read, expected] of rows) {
  const seen = await tell(read, models[name]);
  console.log(`${name.padEnd(15)} ${read.name.padEnd(13)} ${seen}`);
  same &&= seen === expected;
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
