#!/usr/bin/env bash
# Package: @arizeai/openinference-instrumentation-openai 4.2.7 and @traceloop/instrumentation-openai 0.27.0 (npm),
#          with openai 7.57.0 and @opentelemetry/sdk-trace-node 2.12.1.
# Guess:   A call that the server refuses (429, 500) leaves a span with status "error" and the server's message.
# Seen:    OpenInference leaves no span at all, streamed or not, and for chat completions and embeddings neither.
#          OpenLLMetry leaves none, but for a streamed response: there the span has the error.
# Matters: A trace shows only what went well. Users look at it when calls fail, and find nothing:
#          a full server and an idle one look alike. Count refusals at the server, or trace the HTTP client besides.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts --legacy-peer-deps \
  @arizeai/openinference-instrumentation-openai@4.2.7 @traceloop/instrumentation-openai@0.27.0 \
  openai@7.57.0 @opentelemetry/api@1.10.0 @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/sdk-trace-node@2.12.1 \
  >/dev/null

cat > seen.cjs <<'JS'
const http = require('node:http');
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { OpenAI } = require('openai');

const packages = {
  OpenInference: '@arizeai/openinference-instrumentation-openai',
  OpenLLMetry: '@traceloop/instrumentation-openai',
};
const vector = { object: 'list', model: 'm', data: [{ object: 'embedding', index: 0, embedding: [0.5] }] };
const usage = { prompt_tokens: 1, total_tokens: 1 };
let status;
const server = http.createServer((request, response) => {
  request.resume();
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(status === 200 ? { ...vector, usage } : { error: { message: 'full' } }));
});

async function spans(name, call) {
  const exporter = new InMemorySpanExporter();
  const { OpenAIInstrumentation } = require(packages[name]);
  const instrumentation = new OpenAIInstrumentation();
  instrumentation.setTracerProvider(new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  instrumentation.manuallyInstrument(OpenAI);
  const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
  await call(new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 })).catch(() => {});
  await new Promise((later) => setTimeout(later, 500));
  instrumentation.disable();
  const names = { 0: 'unset', 1: 'ok', 2: 'error' };
  return exporter.getFinishedSpans().map((span) => names[span.status.code]).join() || 'none';
}

const calls = {
  embeddings: (client) => client.embeddings.create({ model: 'm', input: 'q' }),
  chat: (client) => client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'q' }] }),
  response: (client) => client.responses.create({ model: 'm', input: 'q' }),
  'streamed response': (client) => client.responses.create({ model: 'm', input: 'q', stream: true }),
};
const rows = [
  ['OpenInference', 200, 'embeddings', 'ok'],
  ['OpenInference', 429, 'embeddings', 'none'],
  ['OpenInference', 429, 'chat', 'none'],
  ['OpenInference', 429, 'response', 'none'],
  ['OpenInference', 500, 'response', 'none'],
  ['OpenInference', 429, 'streamed response', 'none'],
  ['OpenLLMetry', 429, 'chat', 'none'],
  ['OpenLLMetry', 429, 'response', 'none'],
  ['OpenLLMetry', 429, 'streamed response', 'error'],
];
server.listen(0, '127.0.0.1', async () => {
  let same = true;
  for (const [name, code, call, expected] of rows) {
    status = code;
    const seen = await spans(name, calls[call]);
    console.log(`${name.padEnd(14)} ${code} ${call.padEnd(18)} span: ${seen}`);
    same &&= seen === expected;
  }
  process.exit(same ? 0 : 1);
});
JS
timeout 50 node seen.cjs
