#!/usr/bin/env bash
# Package: @ai-sdk/openai 4.0.118 with ai 7.0.173 (npm), the Responses model.
# Guess:   A response with `status: "failed"` makes `generateText` throw an error with the server's own message.
#          If its code is `server_error`, the SDK tries again.
# Seen:    `generateText` throws "Invalid JSON response". The server's message stands only in the raw body.
#          The SDK does not try again, since the HTTP status is 200.
#          It reads a response with `status: "cancelled"` as a finished, empty answer.
# Matters: Users of this SDK look for a JSON fault when the model server has failed.
#          A server that knows the failure before its first byte helps them with an HTTP error status.
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
import { generateText } from 'ai';
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
let requests = 0;
let state;
const answer = (_, response) => {
  requests++;
  json(response, whole([], state));
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const model = createOpenAI({ baseURL, apiKey: 'none' }).responses('m');
const tell = async () => {
  requests = 0;
  try {
    const result = await generateText({ model, prompt: 'q', maxRetries: 2 });
    return `text ${JSON.stringify(result.text)}, finishReason ${result.finishReason}, requests ${requests}`;
  } catch (error) {
    return `throws "${error.message}", requests ${requests}, names the cause: ${error.message.includes('GPU')}`;
  }
};
const rows = [
  [{ status: 'failed', error: { code: 'server_error', message: 'GPU worker lost' } },
    'throws "Invalid JSON response", requests 1, names the cause: false'],
  [{ status: 'cancelled' }, 'text "", finishReason stop, requests 1'],
];
let same = true;
for (const [body, expected] of rows) {
  state = body;
  const seen = await tell();
  console.log(`${body.status.padEnd(10)} ${seen}`);
  same &&= seen === expected;
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
