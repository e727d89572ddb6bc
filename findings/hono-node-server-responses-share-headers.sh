#!/usr/bin/env bash
# Package: @hono/node-server 2.1.9 with hono 4.13.19 (npm), against Node's own Response.
# Guess:   `new Response(body, { headers })` copies the headers, as the Fetch standard says: what one response sets
#          is its own.
# Seen:    The server replaces the global Response. If `headers` is a Headers object, the new Response keeps that very
#          object. A header that one response sets is in the caller's object too, and in every other response that was
#          made with it, also over HTTP. The headers of a fetched answer can not be changed in the response that is
#          made with them: TypeError "immutable". A plain object as headers, and a whole Response as init, are copied.
# Matters: A relay in front of an agent server has its event stream headers in one object. The trace id or
#          request id of one user's answer is then sent with the answers of others. A relay that passes on the headers
#          of the model server and adds its own answers 500. Without this server the same code is right.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts @hono/node-server@2.1.9 hono@4.13.19 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
const listen = (server) => new Promise((listening) => server.listen(0, '127.0.0.1', () => {
  listening(`http://127.0.0.1:${server.address().port}`);
}));
const model = await listen(http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end('data: 1\n\n');
}));
const setsOn = (response) => {
  try {
    response.headers.set('x-request-id', 'req-1');
    return 'its own';
  } catch (error) {
    return `${error.constructor.name} ${error.message}`;
  }
};
const look = async () => {
  const shared = new Headers({ 'content-type': 'text/event-stream' });
  const [first, second] = [new Response('a', { headers: shared }), new Response('b', { headers: shared })];
  first.headers.set('x-request-id', 'req-1');
  const plain = { 'content-type': 'text/event-stream' };
  const [third, fourth] = [new Response('a', { headers: plain }), new Response('b', { headers: plain })];
  third.headers.set('x-request-id', 'req-1');
  const answer = await fetch(model);
  const copied = await fetch(model);
  return {
    'one Headers object: the other response has': second.headers.get('x-request-id'),
    'one Headers object: the object itself has': shared.get('x-request-id'),
    'one plain object: the other response has': fourth.headers.get('x-request-id'),
    'headers of a fetched answer: a set header is': setsOn(new Response(answer.body, { headers: answer.headers })),
    'a fetched answer as init: a set header is': setsOn(new Response(copied.body, copied)),
  };
};
const own = await look();
const { serve } = await import('@hono/node-server');
const { Hono } = await import('hono');
const streamHeaders = new Headers({ 'content-type': 'text/event-stream' });
const app = new Hono().get('/:user', (context) => {
  const response = new Response('data: hello\n\n', { headers: streamHeaders });
  if (context.req.param('user') === 'anna') response.headers.set('x-request-id', 'of anna');
  return response;
});
const url = await new Promise((listening) => {
  serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (info) => listening(`http://127.0.0.1:${info.port}`));
});
const hono = await look();
for (const row of Object.keys(own)) console.log(`${row.padEnd(47)}Node: ${own[row]}; hono: ${hono[row]}`);
const idOf = async (user) => (await fetch(`${url}/${user}`)).headers.get('x-request-id');
const ids = [await idOf('bert'), await idOf('anna'), await idOf('bert')];
console.log(`over HTTP, x-request-id of bert, anna, bert: ${ids.join(', ')}`);
const same = JSON.stringify(Object.values(own)) === JSON.stringify([null, null, null, 'its own', 'its own']) &&
  JSON.stringify(Object.values(hono)) ===
    JSON.stringify(['req-1', 'req-1', null, 'TypeError immutable', 'its own']) &&
  JSON.stringify(ids) === JSON.stringify([null, 'of anna', 'of anna']);
process.exit(same ? 0 : 1);
JS
timeout 30 node seen.mjs
