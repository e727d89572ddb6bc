#!/usr/bin/env bash
# Package: ai 7.0.173 with @ai-sdk/openai 4.0.118 (npm), the tool loop of `generateText`.
# Guess:   A response that is incomplete (`max_output_tokens`) ends the loop, with finishReason "length".
# Seen:    A whole call in an incomplete response ends the loop; the tool does not run.
#          A call that was cut in its arguments does not end it: the loop asks again.
#          The history that it sends holds the call with `{}` for arguments, and the parse error as its output.
# Matters: A model with too small an output limit is asked again and again until the step limit.
#          The server sees arguments that its own model never wrote; no prefix cache matches from there on.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  ai@7.0.173 @ai-sdk/openai@4.0.118 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, stepCountIs, tool } from 'ai';
import { z } from 'zod';
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
const cut = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
let args;
let requests;
const answer = (body, response) => {
  requests.push(body);
  json(response, whole([call(requests.length, args)], cut));
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const model = createOpenAI({ baseURL, apiKey: 'none' }).responses('m');
const run = async (text) => {
  args = text;
  requests = [];
  let runs = 0;
  const execute = async () => { runs++; return 'done'; };
  const tools = { run: tool({ inputSchema: z.object({ command: z.string() }), execute }) };
  const result = await generateText({ model, prompt: 'q', maxRetries: 0, tools, stopWhen: stepCountIs(4) });
  const sent = requests.at(-1).input.filter((item) => item.type === 'function_call').map((item) => item.arguments);
  const last = JSON.stringify(sent);
  return `requests ${requests.length}, tool ran ${runs} times, last sent ${last}, ${result.finishReason}`;
};
const rows = [
  ['{"command":"ls"}', 'requests 1, tool ran 0 times, last sent [], length'],
  ['{"command":"l', 'requests 4, tool ran 0 times, last sent ["{}","{}","{}"], length'],
];
let same = true;
for (const [text, expected] of rows) {
  const seen = await run(text);
  console.log(`${text.padEnd(17)} ${seen}`);
  same &&= seen === expected;
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
