#!/usr/bin/env bash
# Package: langchain 1.5.14 with @langchain/openai 1.6.0 and @langchain/core 1.4.0 (npm), `createAgent` over the
#          Responses API.
# Guess:   If the arguments of a call are no JSON, or were cut, the agent tells the model so, as it does for a tool
#          that throws. Or the run throws.
# Seen:    Alone, such a call ends the run: an empty last message, no error, no second request. Beside a good call,
#          the good one runs. The next request then holds the broken call without an output, and a server that follows
#          OpenAI's rule refuses it ("No tool output found").
# Matters: One bad character in one of two calls ends the run with a 400 that speaks of outputs, behind a tool that
#          has run. Users look for the fault in the server. A wrong type or an unknown tool does go back to the model.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  langchain@1.5.14 @langchain/openai@1.6.0 @langchain/core@1.4.0 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent, tool } from 'langchain';
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
  console.log(`${name.padEnd(19)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(19)} expected: ${expected}`);
  same &&= seen === expected;
};
let ran;
const execute = async ({ file }) => { ran.push(file); return `text of ${file}`; };
const read = tool(execute, { name: 'read', description: 'reads', schema: z.object({ file: z.string() }) });
const settings = { model: 'm', apiKey: 'none', configuration: { baseURL }, maxRetries: 0, useResponsesApi: true };
const cut = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
const run = async (more, ...texts) => {
  ran = [];
  requests = [];
  answer = ({ input }, response, number) => {
    const output = texts.map((text, index) => call(index + 1, text.name ?? 'read', text.args ?? text));
    if (number === 1) return json(response, whole(output, more));
    const answered = input.filter((item) => item.type === 'function_call_output').map((item) => item.call_id);
    const open = input.find((item) => item.type === 'function_call' && !answered.includes(item.call_id));
    if (!open) return json(response, whole([message('msg_1', 'ok')], { id: `resp_${number}` }));
    const words = `No tool output found for function call ${open.call_id}.`;
    json(response, { error: { message: words, type: 'invalid_request_error', param: 'input', code: null } }, 400);
  };
  const agent = createAgent({ model: new ChatOpenAI(settings), tools: [read] });
  const end = await agent.invoke({ messages: [{ role: 'user', content: 'q' }] })
    .then(({ messages }) => `answer "${messages.at(-1).text}"`, (error) => `throws ${error.message.split('\n')[0]}`);
  return `ran ${ran.join() || 'nothing'}, requests ${requests.length}, ${end}`;
};
const good = '{"file":"a"}';
const bad = '{"file":"b';
const refused = 'throws 400 No tool output found for function call call_2.';
check('good', await run({}, good), 'ran a, requests 2, answer "ok"');
check('of a wrong type', await run({}, '{"file":5}'), 'ran nothing, requests 2, answer "ok"');
check('of an unknown tool', await run({}, { name: 'none', args: '{}' }), 'ran nothing, requests 2, answer "ok"');
check('no JSON', await run({}, bad), 'ran nothing, requests 1, answer ""');
check('cut', await run(cut, bad), 'ran nothing, requests 1, answer ""');
check('good, no JSON', await run({}, good, bad), `ran a, requests 2, ${refused}`);
check('good, cut', await run(cut, good, bad), `ran a, requests 2, ${refused}`);
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
