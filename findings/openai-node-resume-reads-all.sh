#!/usr/bin/env bash
# Package: openai 7.57.0 (npm), `responses.stream({ response_id, starting_after })`.
# Guess:   The client sends `starting_after`, and the server sends only the events behind that number.
#          `responses.retrieve(id, { stream: true, starting_after })` does so.
# Seen:    `responses.stream` does not send `starting_after`. It reads the whole response again from its first event,
#          and hides the events up to that number from the caller.
# Matters: A client that resumes after each break costs the server the whole stream each time.
#          A server that keeps only the newest events can not serve it: it needs `response.created` again.
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
const item = { id: 'msg_1', type: 'message', role: 'assistant', status: 'in_progress', content: [] };
const place = { item_id: 'msg_1', output_index: 0, content_index: 0 };
const part = { type: 'output_text', text: 'one two three', annotations: [] };
const done = { ...item, status: 'completed', content: [part] };
const whole = (status, output) => ({ id: 'resp_1', object: 'response', status, output });
const all = [
  { type: 'response.created', response: whole('in_progress', []) },
  { type: 'response.output_item.added', output_index: 0, item },
  { type: 'response.content_part.added', ...place, part: { ...part, text: '' } },
  ...['one ', 'two ', 'three'].map((delta) => ({ type: 'response.output_text.delta', ...place, delta })),
  { type: 'response.output_item.done', output_index: 0, item: done },
  { type: 'response.completed', response: whole('completed', [done]) },
].map((event, number) => ({ ...event, sequence_number: number }));
let asked;
let sent;
const server = http.createServer((request, response) => {
  const query = new URL(request.url, 'http://localhost').searchParams;
  const after = query.has('starting_after') ? Number(query.get('starting_after')) : -1;
  const events = all.filter((event) => event.sequence_number > after);
  asked = query.toString();
  sent = events.length;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = new OpenAI({ baseURL: `http://127.0.0.1:${server.address().port}/v1`, apiKey: 'none', maxRetries: 0 });
const tell = async (stream) => {
  const numbers = [];
  for await (const event of await stream) numbers.push(event.sequence_number);
  return `query "${asked}", sent ${sent} events, the caller got ${numbers.join(' ')}`;
};
const rows = [
  ['retrieve', await tell(client.responses.retrieve('resp_1', { stream: true, starting_after: 4 })),
    'query "stream=true&starting_after=4", sent 3 events, the caller got 5 6 7'],
  ['stream', await tell(client.responses.stream({ response_id: 'resp_1', starting_after: 4 })),
    'query "stream=true", sent 8 events, the caller got 5 6 7'],
];
let same = true;
for (const [name, seen, expected] of rows) {
  console.log(`${name.padEnd(9)} ${seen}`);
  same &&= seen === expected;
}
server.close();
process.exit(same ? 0 : 1);
JS
timeout 30 node seen.mjs
