#!/usr/bin/env bash
# Package: @openai/agents 0.20.0 with openai 7.57.0 (npm), `Runner.run`.
# Guess:   A completed response without a message ends the run with an empty answer, or with an error that says so.
#          Such a response is valid: a model may think and then stop, or write nothing.
# Seen:    Without any output the run sends the very same input again, until `maxTurns` (10 by default).
#          It then throws "Max turns (10) exceeded". An output of reasoning alone is repeated as often.
#          A message whose text is empty ends the run at once.
# Matters: One empty answer costs ten model calls, and at temperature 0 each gives the same answer.
#          A server spares its users this by sending an empty message in place of no output.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @openai/agents@0.20.0 openai@7.57.0 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { Agent, OpenAIProvider, Runner, setTracingDisabled } from '@openai/agents';
import OpenAI from 'openai';
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
let output;
let inputs;
const answer = (body, response) => {
  inputs.push(JSON.stringify(body.input));
  json(response, whole(output));
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
setTracingDisabled(true);
const openAIClient = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses: true }) });
const run = async (items) => {
  output = items;
  inputs = [];
  let end;
  try {
    end = 'answer ' + JSON.stringify((await runner.run(new Agent({ name: 'a', model: 'm' }), 'q')).finalOutput);
  } catch (error) {
    end = `throws "${error.message}"`;
  }
  return `${end}, requests ${inputs.length}, different inputs ${new Set(inputs).size}`;
};
const thought = { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'c2VhbGVk' };
const rows = [
  ['a message', [message('hello')], 'answer "hello", requests 1, different inputs 1'],
  ['a message without text', [message('')], 'answer "", requests 1, different inputs 1'],
  ['no output', [], 'throws "Max turns (10) exceeded", requests 10, different inputs 1'],
  ['reasoning alone', [thought], 'throws "Max turns (10) exceeded", requests 10, different inputs 2'],
];
let same = true;
for (const [name, items, expected] of rows) {
  const seen = await run(items);
  console.log(`${name.padEnd(23)} ${seen}`);
  same &&= seen === expected;
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
