// Clients that speak chat completions: LangChain by default, and the AI SDK's chat model of its OpenAI provider.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';
import { ChatServer } from './lib/chat-server.mjs';
import { script } from './lib/codex.mjs';
import { sdk } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

const keys = ['a', 'b', 'c', 'd', 'e'];
const look = (key) => ({ call: 'lookup', args: { key } });
const prompt = `Go.\n${script([...keys.map(look), { say: 'all done' }])}`;

let server;
before(async () => {
  server = await Server.start({ settings: { Recognition: 'stored' } });
  // A counter is there once it has counted.
  await sdk(server).responses.create({ model: 'demo', input: 'Hello' });
});
after(() => server?.stop());

const conversationsOf = (ids) => new Set(ids.map((id) => id.slice('chatcmpl-'.length).split('_')[0]));

/** Runs a loop, and counts the items that were validated for it: the prompt, and an output of each step. */
async function assertNewItemsOnly(run) {
  const before = (await server.counters()).validated;
  const ids = await run();
  assert.equal(ids.length, keys.length + 1);
  assert.equal(conversationsOf(ids).size, 1, `one conversation: ${ids}`);
  // What the client sends, and what the model made.
  assert.equal((await server.counters()).validated - before, 1 + keys.length + (keys.length + 1));
}

const lookup = {
  name: 'lookup',
  description: 'Looks a key up.',
  schema: { type: 'object', properties: { key: { type: 'string' } }, required: ['key'] },
};

/** Streams with `stream`: `invoke` of a model that is set to stream fetches a tokenizer's tables from the network. */
async function ask(model, messages, streaming) {
  if (!streaming) return model.invoke(messages);
  let answer;
  for await (const chunk of await model.stream(messages)) answer = answer?.concat(chunk) ?? chunk;
  return answer;
}

for (const streaming of [false, true]) {
  test(`LangChain_${streaming ? 'Streamed' : 'Json'}_LoopIsOneConversation`, async () => {
    const model = new ChatOpenAI({
      model: 'demo', apiKey: 'sk-none', configuration: { baseURL: server.baseUrl }, maxRetries: 0,
      modelKwargs: { store: true },
    }).bindTools([{ type: 'function', function: {
      name: lookup.name, description: lookup.description, parameters: lookup.schema,
    } }]);
    await assertNewItemsOnly(async () => {
      const [messages, ids] = [[new HumanMessage(prompt)], []];
      for (let step = 0; step <= keys.length; step += 1) {
        const answer = await ask(model, messages, streaming);
        ids.push(answer.id);
        messages.push(answer);
        for (const call of answer.tool_calls) {
          messages.push(new ToolMessage({ tool_call_id: call.id, content: `value of ${call.args.key}` }));
        }
      }
      assert.equal(messages.at(-1).content, 'all done');
      assert.ok(messages.at(-1).usage_metadata.total_tokens > 0);
      return ids;
    });
  });
}

test('AiSdkChat_GenerateText_LoopIsOneConversation', async () => {
  const chat = createOpenAI({ baseURL: server.baseUrl, apiKey: 'sk-none' }).chat('demo');
  const asked = [];
  await assertNewItemsOnly(async () => {
    const { text, steps } = await generateText({
      model: chat, prompt, maxRetries: 0, stopWhen: isStepCount(10), providerOptions: { openai: { store: true } },
      tools: {
        lookup: tool({
          description: lookup.description, inputSchema: z.object({ key: z.string() }),
          execute: async ({ key }) => {
            asked.push(key);
            return `value of ${key}`;
          },
        }),
      },
    });
    assert.equal(text, 'all done');
    return steps.map(({ response }) => response.id);
  });
  assert.deepEqual(asked, keys);
});

test('AiSdkChat_StreamText_DeltasAddUp', async () => {
  const say = 'A text of several deltas, which the reader puts together again.';
  const chat = createOpenAI({ baseURL: server.baseUrl, apiKey: 'sk-none' }).chat('demo');
  const result = streamText({ model: chat, prompt: `Go.\n${script([{ say }])}` });
  assert.equal(await result.text, say);
  assert.equal(await result.finishReason, 'stop');
  assert.ok((await result.usage).totalTokens > 0);
});

test('ChatServer_BehindTheServer_GetsWhatTheClientSent', async () => {
  const upstream = await ChatServer.start();
  const front = await Server.start({ modelUrl: upstream.baseUrl, modelApi: 'chat' });
  try {
    const { completions } = sdk(front).chat;
    const called = { name: 'lookup', arguments: '{"key":"a"}' };
    const call = { id: 'call_Ab12Cd34Ef56Gh78', type: 'function', function: called };
    const messages = [
      { role: 'system', content: 'Be "brief".' },
      { role: 'user', content: [
        { type: 'text', text: 'Look.' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } },
      ] },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: call.id, content: 'value \u{1F680}' },
    ];
    const { name, description, schema: parameters } = lookup;
    const tools = [{ type: 'function', function: { name, description, parameters } }];
    const fields = { model: 'demo', messages, tools, stop: ['END'], max_tokens: 5, temperature: 0.5 };
    const { choices: [choice] } = await completions.create(fields);
    assert.ok(choice.message.content.length > 0);
    const { body } = upstream.requests[0];
    assert.deepEqual(body.messages, messages);
    assert.deepEqual(body.tools, tools);
    assert.deepEqual([body.stop, body.max_tokens, body.temperature], [['END'], 5, 0.5]);
    await assert.rejects(completions.create({ ...fields, seed: 7 }), (error) => error.param === 'seed');
    assert.deepEqual(upstream.violations, []);
  } finally {
    await front.stop();
    await upstream.stop();
  }
});
