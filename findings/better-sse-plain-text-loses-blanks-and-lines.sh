#!/usr/bin/env bash
# Package: better-sse 0.16.1 (npm), a session with a `serializer` of its own, against hono 4.13.19 (`streamSSE`) and
#          h3 2.0.8 (`createEventStream`). eventsource-parser 4.1.3 reads.
# Guess:   With `serializer: String` the text of an event arrives as it was pushed, line breaks included. The package
#          names sanitized data among its features.
# Seen:    The text is written behind `data:` without a space and without a new `data:` for each line. So a first blank
#          counts as the space of the format and is lost, and all text behind a line break is lost.
#          The default serializer (JSON) keeps both, since it adds quotes and escapes. hono and h3 keep both.
# Matters: Pieces of a model's text begin with a blank: " world". A page that adds them up shows all words in one, and
#          a code block or a list loses its lines. The server's log, before the serializer, looks right.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  better-sse@0.16.1 hono@4.13.19 @hono/node-server@2.1.9 h3@2.0.8 eventsource-parser@4.1.3 >/dev/null

cat > seen.mjs <<'JS'
import http from 'node:http';
import { serve } from '@hono/node-server';
import { createSession } from 'better-sse';
import { createParser } from 'eventsource-parser';
import { createEventStream, H3, toNodeHandler } from 'h3';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
const pieces = ['Hello', ' world', ':\n', '- one\n- two'];
const listen = (handler) => new Promise((listening) => {
  const server = http.createServer(handler).listen(0, '127.0.0.1', () => listening(server.address().port));
});
const betterSse = (options) => listen(async (request, response) => {
  const session = await createSession(request, response, options);
  for (const piece of pieces) session.push(piece);
  setTimeout(() => response.end(), 200);
});
const servers = {
  'better-sse, serializer: String': await betterSse({ serializer: String }),
  'better-sse, default serializer': await betterSse({}),
  hono: await new Promise((listening) => {
    const app = new Hono().get('/', (context) => streamSSE(context, async (stream) => {
      for (const piece of pieces) await stream.writeSSE({ data: piece });
    }));
    serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (info) => listening(info.port));
  }),
  h3: await listen(toNodeHandler(new H3().get('/', (event) => {
    const stream = createEventStream(event);
    const write = async () => {
      for (const piece of pieces) await stream.push(piece);
      await stream.close();
    };
    write();
    return stream.send();
  }))),
};
let same = true;
for (const [name, port] of Object.entries(servers)) {
  const bytes = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  let text = '';
  const parser = createParser({
    onEvent: ({ data }) => (text += name.includes('default') ? JSON.parse(data) : data),
  });
  parser.feed(bytes);
  console.log(`${name.padEnd(32)}${JSON.stringify(text)}`);
  if (name.includes('String')) console.log(`  sent as ${JSON.stringify(bytes.replace(/^retry:\d+\n\n/, ''))}`);
  same &&= text === (name.includes('String') ? 'Helloworld:- one' : pieces.join(''));
}
process.exit(same ? 0 : 1);
JS
timeout 30 node seen.mjs
