#!/usr/bin/env bash
# Package: @mastra/core 1.71.0 (npm), model `openai/…` with `providerOptions.openai` of `transport: 'websocket'` and a
#          `websocket.url` of one's own server.
# Guess:   The agent's requests go to that server. Two streams at once take two sockets, or wait for each other.
# Seen:    One stream at a time goes to that server. A second stream that begins meanwhile goes to
#          https://api.openai.com/v1/responses over HTTP, and so does each `generate`. The key and the prompt go along.
#          That is so within one agent and between two agents with the same options. Nothing is logged.
# Matters: A server that is chosen so that prompts stay in one's own network does not get all of them. Tests with one
#          agent and one stream do not show it. Give the agent a model object whose `baseURL` is the server.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts @mastra/core@1.71.0 ws@8.23.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { once } from 'node:events';
import { Agent } from '@mastra/core/agent';
import { WebSocketServer } from 'ws';
process.env.OPENAI_API_KEY = 'sk-of-the-own-server';
process.env.MASTRA_TELEMETRY_DISABLED = '1';

// The own server answers each create 0.3 s later.
const item = {
  id: 'msg_1', type: 'message', role: 'assistant', status: 'completed',
  content: [{ type: 'output_text', text: 'mine', annotations: [], logprobs: [] }],
};
const response = { id: 'resp_1', object: 'response', created_at: 1700000000, model: 'm' };
const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
const events = [
  { type: 'response.created', response },
  { type: 'response.output_item.added', output_index: 0, item: { ...item, content: [] } },
  { type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'mine' },
  { type: 'response.output_item.done', output_index: 0, item },
  { type: 'response.completed', response: { ...response, status: 'completed', output: [item], usage } },
];
const web = http.createServer().listen(0, '127.0.0.1');
await once(web, 'listening');
new WebSocketServer({ server: web }).on('connection', (socket) => socket.on('message', () => {
  setTimeout(() => events.forEach((event) => socket.send(JSON.stringify(event))), 300);
}));

// What leaves for elsewhere is answered here, and goes nowhere.
const elsewhere = [];
globalThis.fetch = async (url, { headers }) => {
  elsewhere.push(`${url.url ?? url} ${new Headers(headers).get('authorization')}`);
  const body = JSON.stringify({ error: { message: 'elsewhere', type: 'x', param: null, code: null } });
  return new Response(body, { status: 400, headers: { 'content-type': 'application/json' } });
};
console.error = () => {};

const url = `ws://127.0.0.1:${web.address().port}/v1/responses`;
const providerOptions = { openai: { transport: 'websocket', websocket: { url } } };
const agentOf = (name) => new Agent({ id: name, name, instructions: 'Answer.', model: 'openai/m' });
const ask = (agent, how = 'stream') => agent[how]('Hello', { providerOptions })
  .then(({ text }) => text).catch(({ message }) => message);
const row = async (what, run) => {
  elsewhere.length = 0;
  const answers = [await run()].flat();
  console.log(`${what}: ${answers.join(', ')}${elsewhere.length > 0 ? ` [${elsewhere}]` : ''}`);
};

const agent = agentOf('a');
await row('one stream', () => ask(agent));
await row('another behind it', () => ask(agent));
await row('two at once', () => Promise.all([ask(agent), ask(agent)]));
await row('two agents at once', () => Promise.all([ask(agentOf('b')), ask(agentOf('c'))]));
await row('generate', () => ask(agent, 'generate'));
process.exit(0);
JS

cat > expected <<'TXT'
one stream: mine
another behind it: mine
two at once: mine, elsewhere [https://api.openai.com/v1/responses Bearer sk-of-the-own-server]
two agents at once: mine, elsewhere [https://api.openai.com/v1/responses Bearer sk-of-the-own-server]
generate: elsewhere [https://api.openai.com/v1/responses Bearer sk-of-the-own-server]
TXT
timeout 50 node seen.mjs | tee got
diff expected got && echo 'as the head states'
