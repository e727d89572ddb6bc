#!/usr/bin/env bash
# Package: genkit 1.42.0 with @genkit-ai/compat-oai 1.42.0 (npm), chat completions.
# Guess:   The arguments of a tool call are read from the call. The finish reason tells only why the answer ended.
# Seen:    With the finish reason "tool_calls" the tool runs. With "stop" or "length" the plugin puts an empty text in
#          the place of the very same arguments. The run throws a schema error that shows `Provided data: ""`.
# Matters: OpenAI's API says "stop" for a call that `tool_choice` names, and some model servers say it for every call.
#          Users read that their model wrote no arguments. A server that says "tool_calls" for every answer with calls
#          is safe.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  genkit@1.42.0 @genkit-ai/compat-oai@1.42.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { openAICompatible } from '@genkit-ai/compat-oai';
import { genkit, z } from 'genkit';
const json = (response, body, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};
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
const start = (index, id, name) => ({
  tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }],
});
const args = (index, text) => ({ tool_calls: [{ index, function: { arguments: text } }] });
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
const calling = (content, ...texts) => ({
  role: 'assistant', content, refusal: null,
  tool_calls: texts.map((text, index) => (
    { id: `call_${index}`, type: 'function', function: { name: 'list', arguments: text } }
  )),
});
const completion = (message, finish_reason) => ({
  id: 'chatcmpl-1', object: 'chat.completion', created: 1700000000, model: 'm', usage,
  choices: [{ index: 0, message, finish_reason, logprobs: null }],
});
let same = true;
const check = (name, seen, expected) => {
  console.log(`${name.padEnd(22)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(22)} expected: ${expected}`);
  same &&= seen === expected;
};
const ai = genkit({ plugins: [openAICompatible({ name: 'own', apiKey: 'none', baseURL, maxRetries: 0 })] });
const schema = z.object({ dir: z.string().optional() });
let ran;
const list = ai.defineTool({ name: 'list', description: 'lists', inputSchema: schema }, async ({ dir }) => {
  ran.push(dir);
  return 'files';
});

const text = '{"dir":"/tmp"}';
const run = async (finish, streamed) => {
  ran = [];
  requests = [];
  answer = (body, response, number) => {
    const done = { role: 'assistant', content: 'ok', refusal: null };
    if (body.stream && number === 1) chatSse(response, chunks([start(0, 'call_0', 'list'), args(0, text)], finish));
    else if (body.stream) chatSse(response, chunks([{ content: 'ok' }], 'stop'));
    else json(response, number === 1 ? completion(calling(null, text), finish) : completion(done, 'stop'));
  };
  const options = { model: 'own/m', prompt: 'q', tools: [list] };
  const result = streamed ? ai.generateStream(options).response : ai.generate(options);
  const end = await result.then((response) => response.text, (error) => {
    const [, data] = /Provided data:\s+(\S*)/.exec(error.message) ?? [];
    return `throws, provided data ${data}`;
  });
  return `ran ${ran.length} times, ${end}`;
};
for (const streamed of [false, true]) {
  const name = streamed ? 'streamed' : 'whole';
  check(`${name}, "tool_calls"`, await run('tool_calls', streamed), 'ran 1 times, ok');
  check(`${name}, "stop"`, await run('stop', streamed), 'ran 0 times, throws, provided data ""');
  check(`${name}, "length"`, await run('length', streamed), 'ran 0 times, throws, provided data ""');
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
