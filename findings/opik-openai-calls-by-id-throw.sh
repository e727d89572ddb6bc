#!/usr/bin/env bash
# Package: opik-openai 1.11.14 with openai 6.49.0 (npm), `trackOpenAI(client)`.
# Guess:   The tracked client does what the client does, and its model calls are recorded besides.
# Seen:    Each call that takes an id throws a TypeError before it sends anything: `responses.retrieve`, `cancel`,
#          `delete`, `inputItems.list`, `conversations.retrieve`, `models.retrieve`. So does `models.list()`.
#          The tracker looks into the first argument as if it were the body of a request.
#          Calls with a body work: `responses.create`, `conversations.create`.
# Matters: Background responses can be started and never read, cancelled or deleted through such a client.
#          Keep the untracked client for these calls.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  opik-openai@1.11.14 opik@1.11.14 openai@6.49.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import OpenAI from 'openai';
import { trackOpenAI } from 'opik-openai';

let requests = 0;
const server = http.createServer((request, response) => {
  requests++;
  request.resume();
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ id: 'x_1', object: 'response', status: 'completed', output: [], data: [] }));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const plain = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
// A place for the records that keeps nothing.
const record = () => ({ span: record, update: () => record(), end: () => {} });
const tracked = trackOpenAI(plain, { client: { trace: record, flush: async () => {}, config: {} } });

const calls = {
  'responses.create': (client) => client.responses.create({ model: 'm', input: 'q' }),
  'responses.retrieve': (client) => client.responses.retrieve('resp_1'),
  'responses.cancel': (client) => client.responses.cancel('resp_1'),
  'responses.delete': (client) => client.responses.delete('resp_1'),
  'responses.inputItems.list': (client) => client.responses.inputItems.list('resp_1'),
  'conversations.create': (client) => client.conversations.create({}),
  'conversations.retrieve': (client) => client.conversations.retrieve('conv_1'),
  'models.retrieve': (client) => client.models.retrieve('m'),
  'models.list': (client) => client.models.list(),
};
async function outcome(call, client) {
  const before = requests;
  try {
    await call(client);
    return 'works';
  } catch (error) {
    return `${error.name}, ${requests - before} requests`;
  }
}
let same = true;
for (const [name, call] of Object.entries(calls)) {
  const seen = [await outcome(call, plain), await outcome(call, tracked)];
  console.log(`${name.padEnd(26)} plain: ${seen[0]}, tracked: ${seen[1]}`);
  same &&= seen[0] === 'works' && seen[1] === (name.endsWith('.create') ? 'works' : 'TypeError, 0 requests');
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
