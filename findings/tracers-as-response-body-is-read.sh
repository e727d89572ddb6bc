#!/usr/bin/env bash
# Package: langsmith 0.12.0 (`wrapOpenAI`), @posthog/ai 8.13.1 and braintrust 3.35.0 (npm), with openai 7.57.0.
# Guess:   `client.responses.create(…).asResponse()` gives the raw HTTP response, traced or not.
# Seen:    With LangSmith and PostHog the body of an answer that is not streamed has been read: `json()` and `text()`
#          throw "Body has already been read". Braintrust leaves it alone.
#          A streamed answer and `withResponse()` work in all of them.
# Matters: Programs that pass a server's answer on with `asResponse()` fail as soon as tracing is on, after the model
#          has done its work and is paid. Keep the plain client for such calls.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts --legacy-peer-deps \
  langsmith@0.12.0 @posthog/ai@8.13.1 posthog-node@5.70.0 braintrust@3.35.0 openai@7.57.0 zod@4.6.7 >/dev/null

cat > seen.cjs <<'JS'
const http = require('node:http');
const { OpenAI } = require('openai');

const body = { id: 'resp_1', object: 'response', created_at: 1700000000, status: 'completed', model: 'm', output: [] };
const server = http.createServer((request, response) => {
  let text = '';
  request.on('data', (piece) => (text += piece));
  request.on('end', () => {
    const { stream } = JSON.parse(text);
    response.setHeader('content-type', stream ? 'text/event-stream' : 'application/json');
    const event = { type: 'response.completed', sequence_number: 0, response: body };
    response.end(stream ? `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n` : JSON.stringify(body));
  });
});

async function clients(options) {
  const { wrapOpenAI } = require('langsmith/wrappers');
  const { Client } = require('langsmith');
  // A client of LangSmith that sends nothing.
  const silent = new Client({ apiUrl: 'http://127.0.0.1:9', apiKey: 'none', autoBatchTracing: false });
  silent.createRun = silent.updateRun = async () => {};
  const { OpenAI: PostHog } = require('@posthog/ai/openai');
  const posthog = { capture() {}, captureImmediate: async () => {}, getLibraryId: () => 'x', options: {} };
  const braintrust = require('braintrust');
  await braintrust._exportsForTestingOnly.simulateLoginForTests();
  braintrust._exportsForTestingOnly.useTestBackgroundLogger();
  braintrust.initLogger({ projectName: 'p', projectId: 'p' });
  return {
    plain: new OpenAI(options),
    LangSmith: wrapOpenAI(new OpenAI(options), { client: silent, tracingEnabled: true }),
    PostHog: new PostHog({ ...options, posthog }),
    Braintrust: braintrust.wrapOpenAI(new OpenAI(options)),
  };
}
async function outcome(read) {
  try {
    await read();
    return 'works';
  } catch (error) {
    return error.message;
  }
}
server.listen(0, '127.0.0.1', async () => {
  const options = { baseURL: `http://127.0.0.1:${server.address().port}/v1`, apiKey: 'none', maxRetries: 0 };
  let same = true;
  for (const [name, client] of Object.entries(await clients(options))) {
    const create = (stream) => client.responses.create({ model: 'm', input: 'q', stream });
    const seen = [
      await outcome(async () => (await create(false).asResponse()).json()),
      await outcome(async () => (await create(true).asResponse()).text()),
      await outcome(() => create(false).withResponse()),
    ];
    console.log(`${name}\n   whole: ${seen[0]}\n   streamed: ${seen[1]}\n   withResponse: ${seen[2]}`);
    const reads = ['LangSmith', 'PostHog'].includes(name);
    same &&= (seen[0] === 'works') !== reads && seen[1] === 'works' && seen[2] === 'works';
  }
  process.exit(same ? 0 : 1);
});
JS
timeout 50 node seen.cjs
