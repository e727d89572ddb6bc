#!/usr/bin/env bash
# Package: multi-llm-ts 5.1.1 (npm), the OpenAI engine with `useResponsesApi`.
# Guess:   The system prompt and the options of a call hold for the whole tool loop.
# Seen:    The first request sends them. Each request behind a tool call sends `previous_response_id`, the outputs and
#          the tools, but no `instructions` and no `reasoning`. The Responses API does not take instructions over from
#          the previous response.
# Matters: The model that writes the final answer has never seen the system prompt: no language, no format, no rules.
#          The effort falls back to the default. Put such rules into the user's message.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  multi-llm-ts@5.1.1 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { Message, OpenAI, Plugin } from 'multi-llm-ts';
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
// Answers the requests one by one with these outputs, the last one again and again.
const script = (...steps) => {
  requests = [];
  answer = (body, response, number) => {
    const { output, more = {} } = steps[Math.min(number, steps.length) - 1];
    const fields = { id: `resp_${number}`, ...more };
    if (body.stream) sse(response, events(output, fields));
    else json(response, whole(output, fields));
  };
};
let same = true;
const check = (name, seen, expected) => {
  console.log(`${name.padEnd(19)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(19)} expected: ${expected}`);
  same &&= seen === expected;
};
class Now extends Plugin {
  getName() { return 'now'; }
  getDescription() { return 'tells the time'; }
  getRunningDescription() { return 'runs'; }
  getParameters() { return []; }
  async execute() { return 'noon'; }
}

const model = { id: 'm', name: 'm', capabilities: { tools: true, reasoning: true, responses: true } };
const thread = () => [new Message('system', 'Answer in one word.'), new Message('user', 'q')];

const run = async (streamed) => {
  script({ output: [call(1, 'now', '{}')] }, { output: [message('msg_1', 'noon')] });
  const engine = new OpenAI({ apiKey: 'none', baseURL }, { maxRetries: 0 });
  engine.addPlugin(new Now());
  const options = { useResponsesApi: true, reasoningEffort: 'low' };
  if (streamed) for await (const part of engine.generate(model, thread(), options)) void part;
  else await engine.complete(model, thread(), options);
  return requests.map(({ instructions, reasoning, previous_response_id: id }) =>
    `${instructions ?? 'no instructions'}, effort ${reasoning?.effort ?? 'none'}, behind ${id ?? 'nothing'}`);
};
for (const streamed of [false, true]) {
  const [first, second] = await run(streamed);
  const name = streamed ? 'streamed' : 'whole';
  check(`${name}, request 1`, first, 'Answer in one word., effort low, behind nothing');
  check(`${name}, request 2`, second, 'no instructions, effort none, behind resp_1');
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
