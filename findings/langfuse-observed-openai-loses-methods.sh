#!/usr/bin/env bash
# Package: @langfuse/openai 5.11.1 with openai 7.57.0 (npm), `observeOpenAI(client)`.
# Guess:   The wrapped client does what the client does, and its calls are recorded besides. Its type says so.
# Seen:    Plain answers keep `_request_id`, but `create(…).withResponse()` is not a function any more.
#          `responses.stream(…)` returns a bare generator: no `on`, no `finalResponse`, no `abort`.
#          A streamed `create` has lost `controller` and `tee`.
# Matters: Code that compiles fails at run time as soon as tracing is switched on.
#          Users can not read the headers of a response (rate limits, request id of a stream) through such a client.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @langfuse/openai@5.11.1 openai@7.57.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { observeOpenAI } from '@langfuse/openai';
import OpenAI from 'openai';
const whole = { id: 'resp_1', object: 'response', status: 'completed', output: [] };
const server = http.createServer((request, response) => {
  let text = '';
  request.on('data', (piece) => (text += piece));
  request.on('end', () => {
    const streamed = JSON.parse(text).stream;
    response.writeHead(200, {
      'content-type': streamed ? 'text/event-stream' : 'application/json', 'x-request-id': 'req_7',
    });
    response.end(streamed
      ? ['created', 'completed'].map((name) => 'data: '
        + JSON.stringify({ type: 'response.' + name, response: whole }) + '\n\n').join('')
      : JSON.stringify(whole));
  });
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const plain = new OpenAI({ baseURL: `http://127.0.0.1:${server.address().port}/v1`, apiKey: 'none', maxRetries: 0 });
const ask = { model: 'm', input: 'q' };
const streamed = { ...ask, stream: true };
const uses = {
  'create(…)._request_id': async (client) => (await client.responses.create(ask))._request_id,
  'create(…).withResponse()': async (client) => (await client.responses.create(ask).withResponse()).request_id,
  'streamed create(…).controller': async (client) => typeof (await client.responses.create(streamed)).controller,
  'streamed create(…).tee()': async (client) => (await client.responses.create(streamed)).tee().length,
  'stream(…).finalResponse()': async (client) => (await client.responses.stream(ask).finalResponse()).id,
};
const tell = async (use, client) => {
  try { return String(await use(client)); } catch (error) { return 'throws ' + error.name; }
};
const expected = {
  plain: ['req_7', 'req_7', 'object', '2', 'resp_1'],
  observed: ['req_7', 'throws TypeError', 'undefined', 'throws TypeError', 'throws TypeError'],
};
const seen = { plain: [], observed: [] };
for (const [name, use] of Object.entries(uses)) {
  seen.plain.push(await tell(use, plain));
  seen.observed.push(await tell(use, observeOpenAI(plain)));
  console.log(`${name.padEnd(30)} plain ${seen.plain.at(-1).padEnd(8)} observed ${seen.observed.at(-1)}`);
}
server.close();
process.exit(JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
JS
timeout 30 node seen.mjs
