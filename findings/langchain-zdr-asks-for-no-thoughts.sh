#!/usr/bin/env bash
# Package: @langchain/openai 1.6.0 with @langchain/core 1.4.0 (npm), `ChatOpenAI` with `useResponsesApi` and
#          `zdrEnabled: true`.
# Guess:   `zdrEnabled` (nothing is stored) sends `store: false` and asks for `reasoning.encrypted_content`, which is
#          what such a loop gives back. @ai-sdk/openai 4.0.118 does both with `store: false`.
# Seen:    It sends `store: false` and no `include`, with reasoning models and with a set effort too. A server that
#          follows the reference sends reasoning without content. The next request gives the bare id of a thing that
#          is stored nowhere.
# Matters: OpenAI's API refuses such an id. A server that reads it over gives the model no thoughts, and nobody is
#          told. Set `include: ['reasoning.encrypted_content']` in each call.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @langchain/openai@1.6.0 @langchain/core@1.4.0 zod@4.6.7 ai@7.0.173 @ai-sdk/openai@4.0.118 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { generateText } from 'ai';
import { z } from 'zod';
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
const call = (number, name, args) => ({
  id: `fc_${number}`, type: 'function_call', call_id: `call_${number}`, name, arguments: args, status: 'completed',
});
const thought = (id, text, encrypted_content) => ({
  id, type: 'reasoning', summary: [{ type: 'summary_text', text }], encrypted_content,
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
  console.log(`${name.padEnd(23)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(23)} expected: ${expected}`);
  same &&= seen === expected;
};
// Gives sealed thoughts only to a request that asks for them, as the reference says.
answer = (body, response, number) => {
  const sealed = body.include?.includes('reasoning.encrypted_content') ? 'QQ==' : undefined;
  const first = [{ ...thought('rs_1', '', sealed), summary: [] }, call(1, 'now', '{}')];
  json(response, whole(number === 1 ? first : [message('msg_1', 'noon')], { id: `resp_${number}` }));
};
const tell = () => {
  const { store, include } = requests[0];
  const sent = requests[1]?.input.find((item) => item.type === 'reasoning');
  const back = sent ? `, sent back ${sent.id ?? 'no id'} ${sent.encrypted_content ?? 'without content'}` : '';
  return `store ${store}, include ${include ?? 'nothing'}${back}`;
};
const now = tool(async () => 'noon', { name: 'now', description: 'tells', schema: z.object({}) });
const langchain = async (settings, options = {}) => {
  requests = [];
  const common = { apiKey: 'none', configuration: { baseURL }, maxRetries: 0, useResponsesApi: true };
  const model = new ChatOpenAI({ ...common, zdrEnabled: true, ...settings }).bindTools([now]);
  const said = await model.invoke([new HumanMessage('q')], options);
  const output = new ToolMessage({ content: 'noon', tool_call_id: said.tool_calls[0].id });
  await model.invoke([new HumanMessage('q'), said, output], options);
  return tell();
};
const vercel = async () => {
  requests = [];
  const model = createOpenAI({ baseURL, apiKey: 'none' }).responses('gpt-5.2');
  const providerOptions = { openai: { store: false } };
  await generateText({ model, prompt: 'q', maxRetries: 0, providerOptions }).catch(() => {});
  return tell();
};
const bare = 'store false, include nothing, sent back rs_1 without content';
const asked = { include: ['reasoning.encrypted_content'] };
check('zdrEnabled, gpt-5.2', await langchain({ model: 'gpt-5.2' }), bare);
check('zdrEnabled, effort set', await langchain({ model: 'gpt-5.2', reasoning: { effort: 'low' } }), bare);
check('zdrEnabled, include set', await langchain({ model: 'gpt-5.2' }, asked),
  'store false, include reasoning.encrypted_content, sent back rs_1 QQ==');
check('AI SDK, store false', await vercel(), 'store false, include reasoning.encrypted_content');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
