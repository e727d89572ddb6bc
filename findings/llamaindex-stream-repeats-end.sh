#!/usr/bin/env bash
# Package: @llamaindex/openai 0.4.23 with @llamaindex/core 0.6.23 (npm), `openaiResponses(…).chat({ stream: true })`.
# Guess:   The deltas of a stream, joined, are the text.
# Seen:    Each event behind a delta gives that delta again: `output_text.done`, `content_part.done`,
#          `output_item.done` and `completed` make four repeats of the last piece. "Hello" becomes "Hellololololo".
# Matters: The end of every streamed answer is wrong, and how wrong depends on how many events the server sends.
#          A server that sends fewer closing events, or sends keepalives, gives a different text.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @llamaindex/openai@0.4.23 @llamaindex/core@0.6.23 @llamaindex/env@0.1.31 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { openaiResponses } from '@llamaindex/openai';
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
const events = (response, list) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  list.forEach((event, number) => {
    const data = JSON.stringify({ sequence_number: number, ...event });
    response.write(`event: ${event.type}\ndata: ${data}\n\n`);
  });
  response.end();
};
const item = message('Hello');
const part = item.content[0];
const place = { item_id: item.id, output_index: 0, content_index: 0 };
const delta = (text) => ({ type: 'response.output_text.delta', ...place, delta: text, logprobs: [] });
const opening = [
  { type: 'response.created', response: whole([], { status: 'in_progress' }) },
  { type: 'response.output_item.added', output_index: 0, item: { ...item, content: [], status: 'in_progress' } },
  { type: 'response.content_part.added', ...place, part: { ...part, text: '' } },
];
const closing = [
  { type: 'response.output_text.done', ...place, text: 'Hello', logprobs: [] },
  { type: 'response.content_part.done', ...place, part },
  { type: 'response.output_item.done', output_index: 0, item },
];
const completed = { type: 'response.completed', response: whole([item]) };
let list;
const answer = (body, response) => {
  if (body.stream) return events(response, list);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(whole([item])));
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const model = openaiResponses({ model: 'gpt-4o', apiKey: 'none', baseURL, maxRetries: 0 });
const messages = [{ role: 'user', content: 'q' }];
const streamed = async (sent) => {
  list = sent;
  let text = '';
  for await (const chunk of await model.chat({ messages, stream: true })) text += chunk.delta;
  return text;
};
const deltas = [delta('Hel'), delta('lo')];
const rows = [
  ['not streamed', (await model.chat({ messages })).message.content, 'Hello'],
  ['streamed, all events', await streamed([...opening, ...deltas, ...closing, completed]), 'Hellololololo'],
  ['streamed, without done events', await streamed([...opening, ...deltas, completed]), 'Hellolo'],
];
let same = true;
for (const [name, seen, expected] of rows) {
  console.log(`${name.padEnd(30)} ${seen}`);
  same &&= seen === expected;
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
