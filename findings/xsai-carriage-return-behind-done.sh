#!/usr/bin/env bash
# Package: @xsai/stream-text 0.4.4 (npm), chat completions.
# Guess:   A stream whose lines end with CR and LF is read like one with LF. The standard for event streams allows
#          both.
# Seen:    The pieces are read, but the line `data: [DONE]` is not known with a carriage return behind it. It is read
#          as JSON, and the whole result fails: "Unexpected token 'D'". What came in the same network piece is lost
#          with it.
# Matters: The usual event stream package of Python servers ends lines with CR and LF by default. Every answer of such
#          a server ends in an error, and a short answer gives no text at all. LF alone is the safe line end for a
#          server.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @xsai/stream-text@0.4.4 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { streamText } from '@xsai/stream-text';
const usage = {
  prompt_tokens: 10, completion_tokens: 5, total_tokens: 15,
  prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 2 },
};
const chunk = (choices, more = {}) => ({
  id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000, model: 'm', choices, ...more,
});
const chunks = (deltas, finish_reason) => [
  chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
  ...deltas.map((delta) => chunk([{ index: 0, delta, finish_reason: null }])),
  chunk([{ index: 0, delta: {}, finish_reason }]),
  chunk([], { usage }),
];
const chatSse = (response, list, end = '\n') => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const data of [...list.map((item) => JSON.stringify(item)), '[DONE]']) {
    response.write(`data: ${data}${end}${end}`);
  }
  response.end();
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
  console.log(`${name.padEnd(19)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(19)} expected: ${expected}`);
  same &&= seen === expected;
};
const run = async (end, pause) => {
  answer = async (body, response) => {
    const list = chunks([{ content: 'hello' }], 'stop');
    if (!pause) return chatSse(response, list, end);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const data of [...list.map((item) => JSON.stringify(item)), '[DONE]']) {
      response.write(`data: ${data}${end}${end}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    response.end();
  };
  const messages = [{ role: 'user', content: 'q' }];
  const result = streamText({ apiKey: 'none', baseURL: `${baseURL}/`, model: 'm', messages });
  for (const promise of [result.messages, result.steps, result.usage, result.totalUsage]) promise.catch(() => {});
  let text = '';
  try {
    for await (const piece of result.textStream) text += piece;
    return `"${text}"`;
  } catch (error) {
    return `"${text}", then ${error.message.slice(0, 20)}`;
  }
};
check('LF, in one piece', await run('\n', false), '"hello"');
check('LF, in pieces', await run('\n', true), '"hello"');
check('CRLF, in one piece', await run('\r\n', false), `"", then Unexpected token 'D'`);
check('CRLF, in pieces', await run('\r\n', true), `"hello", then Unexpected token 'D'`);
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
