#!/usr/bin/env bash
# Package: @mastra/core 1.71.0 with @ai-sdk/openai 4.0.118 (npm), `Agent.stream`. ai 7.0.173 with the same model for
#          comparison.
# Guess:   Mastra takes the models of the AI SDK and treats their calls alike: a call whose arguments are no JSON does
#          not run, and the model is told the parse error.
# Seen:    Mastra logs the error and runs the tool without arguments, if none is required. The model is told the
#          result as if it had asked for that. It runs so even in an answer that was cut. The AI SDK runs nothing.
# Matters: A listing, a search or a clean-up with optional arguments runs over everything, where the model had named
#          one folder. Give such tools at least one required argument: then the model is told.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @mastra/core@1.71.0 @ai-sdk/openai@4.0.118 ai@7.0.173 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { Agent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { stepCountIs, streamText, tool } from 'ai';
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
const pieces = (text) => text.match(/.{1,4}/gs) ?? [];
const empty = { message: { content: [] }, function_call: { arguments: '' }, reasoning: { summary: [] } };
const texts = { output_text: 'text', refusal: 'refusal' };
// The events of one response, as OpenAI's reference has them.
const events = (output, more = {}) => {
  const last = whole(output, more);
  const list = [];
  const add = (type, fields) => list.push({ type: `response.${type}`, sequence_number: list.length, ...fields });
  const begun = { ...last, status: 'in_progress', output: [], incomplete_details: null, usage: null };
  add('created', { response: begun });
  add('in_progress', { response: begun });
  output.forEach((item, output_index) => {
    const at = { item_id: item.id, output_index };
    add('output_item.added', { output_index, item: { ...item, ...empty[item.type], status: 'in_progress' } });
    (item.summary ?? []).forEach((part, summary_index) => {
      add('reasoning_summary_part.added', { ...at, summary_index, part: { ...part, text: '' } });
      for (const delta of pieces(part.text)) add('reasoning_summary_text.delta', { ...at, summary_index, delta });
      add('reasoning_summary_text.done', { ...at, summary_index, text: part.text });
      add('reasoning_summary_part.done', { ...at, summary_index, part });
    });
    (item.content ?? []).forEach((part, content_index) => {
      const key = texts[part.type];
      add('content_part.added', { ...at, content_index, part: { ...part, [key]: '' } });
      const where = { ...at, content_index, ...(key === 'text' ? { logprobs: [] } : {}) };
      for (const delta of pieces(part[key])) add(`${part.type}.delta`, { ...where, delta });
      add(`${part.type}.done`, { ...where, [key]: part[key] });
      add('content_part.done', { ...at, content_index, part });
    });
    if (item.type === 'function_call') {
      for (const delta of pieces(item.arguments)) add('function_call_arguments.delta', { ...at, delta });
      add('function_call_arguments.done', { ...at, name: item.name, arguments: item.arguments });
    }
    add('output_item.done', { output_index, item });
  });
  add(last.status, { response: last });
  return list;
};
const sse = (response, list) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of list) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
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
// Answers the requests one by one with these outputs, the last one again and again.
const script = (...steps) => {
  requests = [];
  answer = (body, response, number) => {
    const { output, more = {} } = steps[Math.min(number, steps.length) - 1];
    sse(response, events(output, { id: `resp_${number}`, ...more }));
  };
};
let same = true;
const check = (name, seen, expected) => {
  console.log(`${name.padEnd(22)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(22)} expected: ${expected}`);
  same &&= seen === expected;
};
const model = createOpenAI({ baseURL, apiKey: 'none' }).responses('m');
let ran;
const execute = async ({ dir }) => { ran.push(dir ?? 'everything'); return `files of ${dir ?? 'everything'}`; };
const description = 'lists';
const clients = {
  mastra: async (inputSchema) => {
    const list = createTool({ id: 'list', description, inputSchema, execute });
    const agent = new Agent({ id: 'a', name: 'a', instructions: 'i', model, tools: { list } });
    await (await agent.stream('q', { maxSteps: 3, modelSettings: { maxRetries: 0 } })).text;
  },
  'AI SDK': async (inputSchema) => {
    const tools = { list: tool({ description, inputSchema, execute }) };
    const options = { model, prompt: 'q', maxRetries: 0, tools, stopWhen: stepCountIs(3), onError: () => {} };
    await streamText(options).text;
  },
};
const cut = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
const run = async (name, dir, text, more = {}) => {
  ran = [];
  script({ output: [call(1, 'list', text)], more }, { output: [message('msg_1', 'ok')] });
  await clients[name](z.object({ dir }));
  const told = requests[1]?.input.find((item) => item.type === 'function_call_output').output;
  const kind = told && (told.startsWith('files') ? told : 'an error');
  return `ran with ${ran.join() || 'nothing'}, model is told ${kind ?? 'nothing'}`;
};
const required = z.string();
const optional = required.optional();
const bad = '{"dir":"/tm';
check('mastra, good', await run('mastra', optional, '{"dir":"/tmp"}'), 'ran with /tmp, model is told files of /tmp');
check('mastra, bad', await run('mastra', optional, bad), 'ran with everything, model is told files of everything');
check('mastra, bad, required', await run('mastra', required, bad), 'ran with nothing, model is told an error');
check('mastra, cut', await run('mastra', optional, bad, cut), 'ran with everything, model is told nothing');
check('AI SDK, bad', await run('AI SDK', optional, bad), 'ran with nothing, model is told an error');
check('AI SDK, cut', await run('AI SDK', optional, bad, cut), 'ran with nothing, model is told an error');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
