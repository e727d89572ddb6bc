#!/usr/bin/env bash
# Package: openai 7.57.0 (npm), `responses.parse` with a Zod text format.
# Guess:   If a model writes a sentence before its JSON, in a message of its own, `parse` reads the JSON message.
#          Or else it leaves `output_parsed` null, as it does for a refusal and for an incomplete response.
# Seen:    `parse` reads every message as JSON and throws. The caller loses the whole response, the JSON included.
#          With `phase: "commentary"` on the first message the same response is parsed.
# Matters: Most model servers do not know `phase`. A server in front of them has two ways to be safe.
#          It joins no sentence to a structured answer, or it says which message is the comment.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  openai@7.57.0 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
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
const json = (response, body) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};
let output;
const answer = (_, response) => json(response, whole(output));
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
const format = zodTextFormat(z.object({ city: z.string() }), 'place');
const parse = async (items) => {
  output = items;
  try {
    const response = await client.responses.parse({ model: 'm', input: 'Where?', text: { format } });
    return 'parsed ' + JSON.stringify(response.output_parsed);
  } catch (error) {
    return `throws ${error.name}: ${error.message}`;
  }
};
const comment = 'I will look at the map first.';
const place = '{"city":"Bern"}';
const rows = [
  ['JSON alone', [message(place)], 'parsed {"city":"Bern"}'],
  ['comment, JSON', [message(comment), message(place)], 'throws SyntaxError'],
  ['comment with a phase, JSON', [message(comment, { phase: 'commentary' }), message(place)], 'parsed {"city":"Bern"}'],
];
let same = true;
for (const [name, items, expected] of rows) {
  const seen = await parse(items);
  console.log(`${name.padEnd(27)} ${seen}`);
  same &&= seen.startsWith(expected);
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
