#!/usr/bin/env bash
# Package: @openai/agents 0.20.0 with openai 7.57.0 (npm), `Runner.run` with a tool.
# Guess:   A call id names a call within one response. A later response may use the id again,
#          as model servers do that count calls from 0 in each answer (`call_0`).
# Seen:    If the second call with this id has other arguments, the run throws.
#          If it has the same arguments, the tool does not run, and the model is asked once more without that call.
#          With ids that differ both calls run.
# Matters: Polling is lost (the second "look again" never happens) or the run fails, one turn after the first call.
#          A server in front of such a model server must make the ids unique over the whole conversation.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @openai/agents@0.20.0 openai@7.57.0 zod@4.6.7 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
const whole = (output, more = {}) => ({
  id: "resp_1", object: "response", created_at: 1700000000, status: "completed", error: null,
  incomplete_details: null, instructions: null, metadata: {}, model: "m", output, parallel_tool_calls: true,
  temperature: 1, tool_choice: "auto", tools: [], top_p: 1,
  usage: {
    input_tokens: 1, input_tokens_details: { cached_tokens: 0 },
    output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 2,
  },
  ...more,
});
const message = (text, more = {}) => ({
  id: "msg_" + text.length, type: "message", role: "assistant", status: "completed",
  content: [{ type: "output_text", text, annotations: [], logprobs: [] }], ...more,
});
const call = (number, callId, args) => ({
  id: `fc_${number}`, type: "function_call", call_id: callId, name: "run",
  arguments: args, status: "completed",
});
const json = (response, body) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};
let answers;
let inputs;
const answer = (body, response) => {
  inputs.push(body.input);
  json(response, whole([answers[inputs.length - 1]]));
};
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece));
  request.on("end", () => answer(JSON.parse(text), response));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
setTracingDisabled(true);
const openAIClient = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses: true }) });
const run = async (first, second) => {
  answers = [call(1, ...first), call(2, ...second), message('done')];
  inputs = [];
  let runs = 0;
  const execute = async () => { runs++; return 'not yet'; };
  const tools = [tool({ name: 'run', description: 'd', parameters: z.object({ job: z.string() }), execute })];
  let end;
  try {
    end = (await runner.run(new Agent({ name: 'a', model: 'm', tools }), 'q')).finalOutput;
  } catch (error) {
    end = `throws "${error.message}"`;
  }
  const calls = inputs.at(-1).filter((item) => item.type === 'function_call').length;
  return `tool ran ${runs} times, calls in the last request ${calls}, ${end}`;
};
const [a, b] = ['{"job":"a"}', '{"job":"b"}'];
const rows = [
  ['two ids, same arguments', ['call_0', a], ['call_1', a], 'tool ran 2 times, calls in the last request 2, done'],
  ['one id, same arguments', ['call_0', a], ['call_0', a], 'tool ran 1 times, calls in the last request 1, done'],
  ['one id, other arguments', ['call_0', a], ['call_0', b], 'tool ran 1 times, calls in the last request 1, throws'],
];
let same = true;
for (const [name, first, second, expected] of rows) {
  const seen = await run(first, second);
  console.log(`${name.padEnd(23)} ${seen}`);
  same &&= seen.startsWith(expected);
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
