#!/usr/bin/env bash
# Package: openai 7.57.0 (npm), option `idempotencyKey` of a request.
# Guess:   A request with `idempotencyKey` carries it in a header, at each try. The option is typed for every method,
#          and no method refuses it.
# Seen:    No header and no member carries it, at no try. The client has no name for that header: its field
#          `idempotencyHeader` is undefined, and protected. A header that is given in `headers` is sent at each try.
# Matters: Whoever sets the option for safe retries gets three turns of one request behind a proxy that answers 504.
#          Write `headers: { 'Idempotency-Key': … }`.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts openai@7.57.0 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import OpenAI from 'openai';
const requests = [];
const server = http.createServer((request, response) => {
  let text = '';
  request.on('data', (piece) => (text += piece));
  request.on('end', () => {
    requests.push(`${JSON.stringify(request.headers)} ${text}`);
    response.writeHead(504, { 'content-type': 'application/json', 'retry-after-ms': '1' });
    response.end('{"error":{"message":"later"}}');
  });
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${server.address().port}/v1` });
let same = true;
const check = async (name, options, expected) => {
  requests.length = 0;
  await client.responses.create({ model: 'm', input: 'q' }, options).catch(() => {});
  const seen = requests.map((request) => (request.includes('key-4711') ? 'key' : 'none')).join(' ');
  console.log(`${name.padEnd(16)} ${seen}`);
  if (seen !== expected) console.log(`${''.padEnd(16)} expected: ${expected}`);
  same &&= seen === expected;
};
await check('idempotencyKey', { idempotencyKey: 'key-4711' }, 'none none none');
await check('headers', { headers: { 'Idempotency-Key': 'key-4711' } }, 'key key key');
server.close();
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
