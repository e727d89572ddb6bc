#!/usr/bin/env bash
# Package: parse-sse 0.1.0 (npm), against eventsource-parser 4.1.3.
# Guess:   A parser of event streams that takes CRLF line ends takes them in whatever pieces the network delivers.
# Seen:    If a piece ends between CR and LF, parse-sse takes the LF for an empty line. The event ends there.
#          Its name is lost, or its data is cut in two events. In one piece the same bytes are read rightly.
# Matters: Some model servers end lines with CRLF (the usual event stream package of Python does so by default).
#          The fault shows only now and then, with long answers or behind a proxy, and looks like a fault of the server.
#          LF alone is the safe line end for a server.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  parse-sse@0.1.0 eventsource-parser@4.1.3 >/dev/null

cat > seen.mjs <<'JS'
import { createParser } from 'eventsource-parser';
import { parseServerSentEvents } from 'parse-sse';
const encoder = new TextEncoder();
const parseSse = async (pieces) => {
  const body = new ReadableStream({
    start(stream) {
      pieces.forEach((piece) => stream.enqueue(encoder.encode(piece)));
      stream.close();
    },
  });
  const events = [];
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  for await (const event of parseServerSentEvents(response)) events.push(`${event.type}:${JSON.stringify(event.data)}`);
  return events.join(' ');
};
const eventsourceParser = (pieces) => {
  const events = [];
  const parser = createParser({ onEvent: (event) => events.push(`${event.event}:${JSON.stringify(event.data)}`) });
  pieces.forEach((piece) => parser.feed(piece));
  return events.join(' ');
};
const rows = [
  // pieces, parse-sse, eventsource-parser
  [['event: x\r\ndata: a\r\ndata: b\r\n\r\n'], 'x:"a\\nb"', 'x:"a\\nb"'],
  [['event: x\r', '\ndata: a\r\ndata: b\r\n\r\n'], 'message:"a\\nb"', 'x:"a\\nb"'],
  [['event: x\r\ndata: a\r', '\ndata: b\r\n\r\n'], 'x:"a" message:"b"', 'x:"a\\nb"'],
  [['event: x\n', 'data: a\n', 'data: b\n\n'], 'x:"a\\nb"', 'x:"a\\nb"'],
];
let same = true;
for (const [pieces, first, second] of rows) {
  const seen = [await parseSse(pieces), eventsourceParser(pieces)];
  console.log(`${JSON.stringify(pieces)}\n  parse-sse           ${seen[0]}\n  eventsource-parser  ${seen[1]}`);
  same &&= seen[0] === first && seen[1] === second;
}
process.exit(same ? 0 : 1);
JS
timeout 30 node seen.mjs
