#!/usr/bin/env bash
# Package: @ax-llm/ax 24.0.21 (npm), the OpenAI clients.
# Guess:   `apiURL` names the server for every client that takes it. The types of "openai" and of "openai-responses"
#          have it.
# Seen:    "openai" and "openai-compatible" go to the given server. "openai-responses" goes to api.openai.com without
#          a word, by `ai()` and by its class. `setAPIURL` of the class works; what `ai()` returns has no such method.
# Matters: Prompts that were meant for the own server go to another company. With a firewall the error is a plain
#          "fetch failed" that names no host. Use the class and its `setAPIURL` for the Responses API.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @ax-llm/ax@24.0.21 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { ai, AxAIOpenAIResponses } from '@ax-llm/ax';
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
  console.log(`${name.padEnd(20)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(20)} expected: ${expected}`);
  same &&= seen === expected;
};
answer = (body, response) => json(response, { error: { message: 'no', type: 'invalid_request_error' } }, 400);
const run = async (create) => {
  let seen;
  // Every address is noted, and every request goes to the server here.
  const noted = (url, init) => {
    seen = new URL(url);
    return fetch(`${baseURL}/x`, init);
  };
  const client = create({ apiKey: 'none', apiURL: baseURL, config: { model: 'm' }, options: { fetch: noted } });
  await client.chat({ chatPrompt: [{ role: 'user', content: 'q' }] }, { stream: false }).catch(() => {});
  return `${seen.origin === new URL(baseURL).origin ? 'own server' : seen.host} ${seen.pathname}`;
};
const named = (name) => (options) => ai({ name, ...options });
const set = (options) => {
  const client = new AxAIOpenAIResponses(options);
  client.setAPIURL(options.apiURL);
  return client;
};
check('openai', await run(named('openai')), 'own server /v1/chat/completions');
check('openai-compatible', await run(named('openai-compatible')), 'own server /v1/chat/completions');
check('openai-responses', await run(named('openai-responses')), 'api.openai.com /v1/responses');
check('AxAIOpenAIResponses', await run((options) => new AxAIOpenAIResponses(options)), 'api.openai.com /v1/responses');
check('class, setAPIURL', await run(set), 'own server /v1/responses');
check('ai(), setAPIURL', typeof ai({ name: 'openai-responses', apiKey: 'none' }).setAPIURL, 'undefined');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
