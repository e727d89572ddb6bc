// Frameworks: Genkit over chat completions with its OpenAI-compatible plugin, and Mastra over a WebSocket.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAICompatible } from '@genkit-ai/compat-oai';
import { Agent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { genkit, z } from 'genkit';
import { script } from '../lib/codex.mjs';
import { assertOneConversation, completionsOf, keys, socketCreatesOf, valueOf, withRecognition }
  from '../lib/recognised.mjs';

// Mastra reads the key here, and counts nothing for its makers then.
process.env.OPENAI_API_KEY = 'sk-none';
process.env.MASTRA_TELEMETRY_DISABLED = '1';

const limits = { timeout: 120_000 };
const look = (key) => ({ call: 'lookup', args: { key } });
const [first, second, ...both] = keys;
const prompt = `Go.\n${script([look(first), look(second), { parallel: both.map(look) }, { say: 'all done' }])}`;
const description = 'Looks a key up.';
const creates = 4;

/** How a client may send its creates, and what recognises them. */
const ways = [
  { recognition: 'stored', fields: { store: true }, stored: true },
  { recognition: 'all', fields: {}, stored: false },
];

async function playGenkit({ recognition, fields, stored }, isStreamed) {
  await withRecognition(recognition, async ({ server, proxy }) => {
    const plugin = openAICompatible({ name: 'evergrain', apiKey: 'sk-none', baseURL: proxy.baseUrl });
    const ai = genkit({ plugins: [plugin] });
    const asked = [];
    const lookup = ai.defineTool(
      { name: 'lookup', description, inputSchema: z.object({ key: z.string() }), outputSchema: z.string() },
      async ({ key }) => {
        asked.push(key);
        return valueOf(key);
      });
    const request = { model: 'evergrain/demo', system: 'Follow the script.', prompt, tools: [lookup], config: fields };
    const { text } = await (isStreamed ? ai.generateStream(request).response : ai.generate(request));
    assert.equal(text, 'all done');
    assert.deepEqual(asked, keys);
    const sent = completionsOf(proxy);
    assert.equal(sent.length, creates);
    assert.ok(sent.every(({ body }) => body.store === fields.store && Boolean(body.stream) === isStreamed));
    await assertOneConversation(server, sent, { stored });
  });
}

async function playMastra({ recognition, fields, stored }) {
  await withRecognition(recognition, async ({ server, proxy }) => {
    const asked = [];
    const lookup = createTool({
      id: 'lookup', description, inputSchema: z.object({ key: z.string() }),
      execute: async ({ key }) => {
        asked.push(key);
        return valueOf(key);
      },
    });
    const agent = new Agent({
      id: 'tester', name: 'Tester', instructions: 'Follow the script.', model: 'openai/demo', tools: { lookup },
    });
    const url = `${proxy.baseUrl.replace(/^http/, 'ws')}/responses`;
    const openai = { ...fields, transport: 'websocket', websocket: { url } };
    const answer = await agent.stream(prompt, { maxSteps: 10, providerOptions: { openai } });
    assert.equal(await answer.text, 'all done');
    assert.deepEqual(asked, keys);
    assert.equal(proxy.connections.length, 1);
    assert.deepEqual(proxy.requests, []);
    const sent = socketCreatesOf(proxy);
    assert.equal(sent.length, creates);
    assert.ok(sent.every(({ body }) => body.store === fields.store && body.previous_response_id === undefined));
    await assertOneConversation(server, sent, { stored });
  });
}

for (const way of ways) {
  const name = way.stored ? 'Stored' : 'Unstored';
  test(`Genkit_${name}Loop_IsOneConversation`, limits, () => playGenkit(way, false));
  test(`Genkit_${name}StreamedLoop_IsOneConversation`, limits, () => playGenkit(way, true));
}

// Mastra's provider says nothing of `store`, which means that a response is stored.
test('Mastra_LoopByDefault_IsOneConversation', limits, () => (
  playMastra({ recognition: 'stored', fields: {}, stored: true })));

test('Mastra_UnstoredLoop_IsOneConversation', limits, () => (
  playMastra({ recognition: 'all', fields: { store: false }, stored: false })));
