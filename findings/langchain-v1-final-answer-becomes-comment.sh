#!/usr/bin/env bash
# Package: @langchain/openai 1.6.0 with @langchain/core 1.4.0 (npm), `ChatOpenAI` with `useResponsesApi` and
#          `outputVersion: 'v1'`.
# Guess:   An answer of two messages, `phase: "commentary"` and `phase: "final_answer"`, goes back as two messages
#          with their phases.
# Seen:    It goes back as one message with both texts as parts and with the first phase: the final answer is a
#          comment now. Streamed, the texts are one part, "I look.Paris", and the phase is that of the last. The ids
#          are gone. Without `outputVersion: 'v1'` both messages go back as they were.
# Matters: Models that know phases read their own answer as a comment, or the comment as a part of the answer. The
#          message shown to the user holds both without a space, when it was streamed.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @langchain/openai@1.6.0 @langchain/core@1.4.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { HumanMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
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
  console.log(`${name.padEnd(13)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(13)} expected: ${expected}`);
  same &&= seen === expected;
};
const run = async (outputVersion, streamed) => {
  script({ output: [
    message('msg_1', 'I look.', { phase: 'commentary' }),
    message('msg_2', 'Paris', { phase: 'final_answer' }),
  ] }, { output: [message('msg_3', 'bye')] });
  const settings = { model: 'm', apiKey: 'none', configuration: { baseURL }, maxRetries: 0 };
  const model = new ChatOpenAI({ ...settings, useResponsesApi: true, outputVersion });
  const history = [new HumanMessage('q')];
  let said;
  if (streamed) for await (const part of await model.stream(history)) said = said ? said.concat(part) : part;
  else said = await model.invoke(history);
  await model.invoke([...history, said, new HumanMessage('next')]);
  return requests[1].input.filter((item) => item.role === 'assistant')
    .map((item) => `${item.phase} ${JSON.stringify(item.content.map((part) => part.text))}`).join(', ');
};
const two = 'commentary ["I look."], final_answer ["Paris"]';
check('v0, whole', await run('v0', false), two);
check('v0, streamed', await run('v0', true), two);
check('v1, whole', await run('v1', false), 'commentary ["I look.","Paris"]');
check('v1, streamed', await run('v1', true), 'final_answer ["I look.Paris"]');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
