#!/usr/bin/env bash
# Package: genkit 1.42.0 with @genkit-ai/compat-oai 1.42.0 (npm), the tool loop of `generate` over chat completions.
# Guess:   A sentence that the model writes beside its tool calls stays in the history. The AI SDK keeps it (ai
#          7.0.173 with @ai-sdk/openai 4.0.118, chat).
# Seen:    The next request holds the calls and their outputs. The sentence is gone: without a content when the answer
#          was whole, with `null` when it was streamed. A stream shows it to the user all the same.
# Matters: A model that writes its plan beside its first call has no plan at the second. The user has read a sentence
#          that the model does not know of. No prefix cache matches from there on.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  genkit@1.42.0 @genkit-ai/compat-oai@1.42.0 ai@7.0.173 @ai-sdk/openai@4.0.118 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { openAICompatible } from '@genkit-ai/compat-oai';
import { generateText, stepCountIs, tool } from 'ai';
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
  console.log(`${name.padEnd(17)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(17)} expected: ${expected}`);
  same &&= seen === expected;
};
const ai = genkit({ plugins: [openAICompatible({ name: 'own', apiKey: 'none', baseURL, maxRetries: 0 })] });
const schema = z.object({ dir: z.string().optional() });
let ran;
const list = ai.defineTool({ name: 'list', description: 'lists', inputSchema: schema }, async ({ dir }) => {
  ran.push(dir);
  return 'files';
});

const plan = 'First I list, then I read.';
answer = (body, response, number) => {
  const deltas = [{ content: plan }, start(0, 'call_0', 'list'), args(0, '{"dir":"/tmp"}')];
  const done = { role: 'assistant', content: 'ok', refusal: null };
  if (body.stream && number === 1) chatSse(response, chunks(deltas, 'tool_calls'));
  else if (body.stream) chatSse(response, chunks([{ content: 'ok' }], 'stop'));
  else if (number === 1) json(response, completion(calling(plan, '{"dir":"/tmp"}'), 'tool_calls'));
  else json(response, completion(done, 'stop'));
};
const sent = () => {
  const { content, tool_calls: calls } = requests[1].messages.find((message) => message.role === 'assistant');
  return `sent back ${calls.length} call and ${content ? `"${content}"` : 'no text'}`;
};
const run = async (act) => {
  ran = [];
  requests = [];
  const shown = await act();
  return `${sent()}${shown ? `, shown "${shown}"` : ''}`;
};
const options = { model: 'own/m', prompt: 'q', tools: [list] };
const streamed = async () => {
  let shown = '';
  const { stream, response } = ai.generateStream(options);
  for await (const part of stream) shown += part.text;
  await response;
  return shown;
};
const vercel = async () => {
  const model = createOpenAI({ baseURL, apiKey: 'none' }).chat('m');
  const tools = { list: tool({ inputSchema: schema, execute: async () => 'files' }) };
  await generateText({ model, prompt: 'q', tools, stopWhen: stepCountIs(3), maxRetries: 0 });
};
check('genkit, whole', await run(async () => void await ai.generate(options)), 'sent back 1 call and no text');
check('genkit, streamed', await run(streamed), `sent back 1 call and no text, shown "${plan}ok"`);
check('AI SDK', await run(vercel), `sent back 1 call and "${plan}"`);
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
