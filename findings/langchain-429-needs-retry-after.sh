#!/usr/bin/env bash
# Package: @langchain/openai 1.6.0 with @langchain/core 1.4.0, against openai 7.57.0 (npm), default retries.
# Guess:   A 429 or 503 is tried again, behind the time that the server asks for. The openai package does so, and
#          ChatOpenAI is built on it.
# Seen:    A 429 is tried again only if it has `retry-after`. Without the header, or with `retry-after-ms` alone, it
#          throws at once. A 503 is tried again, but `retry-after` is not read: it comes back after one to two
#          seconds.
# Matters: A server that is full for ten seconds gets each client back too early. A server that refuses without the
#          header loses its clients at the first refusal. Send `retry-after` in whole seconds with each 429.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @langchain/openai@1.6.0 @langchain/core@1.4.0 openai@7.57.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { ChatOpenAI } from '@langchain/openai';
import OpenAI from 'openai';
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
  console.log(`${name.padEnd(29)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(29)} expected: ${expected}`);
  same &&= seen === expected;
};
let times;
const refuse = (status, headers) => {
  requests = [];
  times = [];
  answer = (body, response, number) => {
    times.push(Date.now());
    if (number > 1) return json(response, whole([message('msg_1', 'ok')]));
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    json(response, { error: { message: 'full', type: 'server_error', param: null, code: null } }, status);
  };
};
const clients = {
  openai: () => new OpenAI({ apiKey: 'none', baseURL }).responses.create({ model: 'm', input: 'q' }),
  langchain: () => new ChatOpenAI({ model: 'm', apiKey: 'none', configuration: { baseURL }, useResponsesApi: true })
    .invoke('q'),
};
const run = async (name, status, headers) => {
  refuse(status, headers);
  const end = await clients[name]().then(() => '', (error) => `throws ${error.message.split('\n')[0]}`);
  if (times.length === 1) return end;
  return times[1] - times[0] > 3900 ? 'waits 4 seconds' : 'comes back earlier';
};
const rows = [
  [429, { 'retry-after': '4' }, 'waits 4 seconds', 'waits 4 seconds'],
  [429, { 'retry-after-ms': '4000' }, 'waits 4 seconds', 'throws 429 full'],
  [429, {}, 'comes back earlier', 'throws 429 full'],
  [503, { 'retry-after': '4' }, 'waits 4 seconds', 'comes back earlier'],
  [503, {}, 'comes back earlier', 'comes back earlier'],
];
for (const [status, headers, ...expected] of rows) {
  const what = `${status} ${Object.keys(headers)[0] ?? 'no header'}`;
  check(`openai, ${what}`, await run('openai', status, headers), expected[0]);
  check(`langchain, ${what}`, await run('langchain', status, headers), expected[1]);
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
