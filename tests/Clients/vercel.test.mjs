// The Vercel AI SDK against the built server, through its provider for Open Responses and through its OpenAI one.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenResponses } from '@ai-sdk/open-responses';
import { Output, generateText, isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';
import { script } from './lib/codex.mjs';
import { Server } from './lib/server.mjs';

let server;
let openResponses;
let openai;
let sent;

before(async () => { server = await Server.start(); });
after(() => server?.stop());
beforeEach(() => {
  sent = [];
  const recording = (url, options) => {
    sent.push(JSON.parse(options.body));
    return fetch(url, options);
  };
  const url = `${server.baseUrl}/responses`;
  openResponses = createOpenResponses({ name: 'evergrain', url, apiKey: 'sk-none', fetch: recording })('demo');
  openai = createOpenAI({ baseURL: server.baseUrl, apiKey: 'sk-none', fetch: recording }).responses('demo');
});

const go = (...steps) => `Go.\n${script(steps)}`;
const look = (key) => ({ call: 'lookup', args: { key } });
const types = ({ input }) => input.map((item) => item.type ?? item.role);

/** One tool, and the keys it was asked for. */
function lookups() {
  const keys = [];
  const lookup = tool({
    description: 'Looks a key up.',
    inputSchema: z.object({ key: z.string() }),
    execute: async ({ key }) => {
      keys.push(key);
      return `value of ${key}`;
    },
  });
  return { keys, loop: { tools: { lookup }, stopWhen: isStepCount(10), maxRetries: 0 } };
}

test('OpenResponses_GenerateText_ReadsTextAndUsage', async () => {
  const result = await generateText({ model: openResponses, system: 'Be brief.', temperature: 0.5,
    prompt: go({ think: 'Hm.', then: { say: 'Hello there.' } }) });
  assert.equal(result.text, 'Hello there.');
  assert.equal(result.reasoningText, 'Hm.');
  assert.equal(result.finishReason, 'stop');
  assert.ok(result.usage.inputTokens > 0);
  assert.equal(result.usage.totalTokens, result.usage.inputTokens + result.usage.outputTokens);
  assert.match(result.response.id, /^resp_/);
});

test('OpenResponses_StreamText_DeltasAddUp', async () => {
  const say = 'A text of several deltas, which the reader puts together again.';
  const result = streamText({ model: openResponses, prompt: go({ think: 'Hm.', then: { say } }) });
  const parts = [];
  for await (const part of result.stream) parts.push(part);
  const joined = (type) => parts.filter((part) => part.type === type).map((part) => part.text).join('');
  assert.deepEqual(parts.filter((part) => part.type === 'error'), []);
  assert.equal(joined('text-delta'), say);
  assert.equal(joined('reasoning-delta'), 'Hm.');
  assert.ok(parts.filter((part) => part.type === 'text-delta').length > 1);
  assert.equal(parts.at(-1).finishReason, 'stop');
  assert.ok((await result.usage).totalTokens > 0);
});

for (const streamed of [false, true]) {
  const name = streamed ? 'StreamText' : 'GenerateText';
  test(`OpenResponses_${name}_RunsAToolLoop`, async () => {
    const { keys, loop } = lookups();
    const steps = [look('a'), { think: 'Two.', then: { parallel: [look('b'), look('c')] } }, { say: 'all done' }];
    const options = { model: openResponses, prompt: go(...steps), ...loop };
    const result = streamed ? streamText(options) : await generateText(options);
    assert.equal(await result.text, 'all done');
    assert.deepEqual(keys, ['a', 'b', 'c']);
    assert.equal((await result.steps).length, 3);
    assert.deepEqual(sent.map((body) => body.input.length), [1, 3, 8]);
    assert.deepEqual(types(sent[2]), ['message', 'function_call', 'function_call_output', 'reasoning',
      'function_call', 'function_call', 'function_call_output', 'function_call_output']);
  });
}

test('OpenResponses_HistorySentBack_GoesOn', async () => {
  const first = await generateText({ model: openResponses, prompt: go({ say: 'one' }, { say: 'two' }) });
  const messages = [{ role: 'user', content: go({ say: 'one' }, { say: 'two' }) }, ...first.responseMessages,
    { role: 'user', content: 'On.' }];
  const second = await generateText({ model: openResponses, messages });
  assert.equal(second.text, 'two');
  assert.match(sent[1].input[1].id, /^msg_/, 'what we said comes back whole, with its id');
});

test('OpenResponses_ObjectOutput_IsParsed', async () => {
  const object = { city: 'Ulm', population: 128_000 };
  const schema = z.object({ city: z.string(), population: z.number() });
  const prompt = go({ say: JSON.stringify(object) });
  const result = await generateText({ model: openResponses, prompt, output: Output.object({ schema }) });
  assert.deepEqual(result.output, object);
  assert.equal(sent[0].text.format.type, 'json_schema');
});

test('OpenResponses_TurnCut_HasItsFinishReason', async () => {
  const prompt = go({ stop: 'max_output_tokens' });
  assert.equal((await generateText({ model: openResponses, prompt })).finishReason, 'length');
  const streamed = streamText({ model: openResponses, prompt });
  assert.equal(await streamed.text, 'stopped early');
  assert.equal(await streamed.finishReason, 'length');
});

test('OpenResponses_Refusal_IsThrownWithItsMessage', async () => {
  const ask = { prompt: 'Hi', maxRetries: 0 };
  const model = createOpenResponses({ name: 'evergrain', url: `${server.baseUrl}/responses` })('no-such-model');
  await assert.rejects(generateText({ model, ...ask }), (error) => (
    error.statusCode >= 400 && error.statusCode <= 404 && /no-such-model/.test(error.message)));
});

test('OpenResponses_FailureInTheStream_IsAnErrorPart', async () => {
  const prompt = go({ fail: 'server_error', after_events: 4 });
  const errors = [];
  const result = streamText({ model: openResponses, prompt, maxRetries: 0,
    onError: ({ error }) => errors.push(error) });
  await result.consumeStream();
  assert.equal(errors.length, 1);
  assert.equal(await result.finishReason, 'error');
});

test('OpenAI_ToolLoop_RefersToStoredItems', async () => {
  const { keys, loop } = lookups();
  const steps = [{ think: 'One.', then: look('a') }, { think: 'Two.', then: look('b') }, { say: 'all done' },
    { say: 'still here' }];
  const prompt = go(...steps);
  const first = await generateText({ model: openai, prompt, ...loop });
  assert.equal(first.text, 'all done');
  assert.deepEqual(keys, ['a', 'b']);
  const messages = [{ role: 'user', content: prompt }, ...first.responseMessages, { role: 'user', content: 'On.' }];
  const second = await generateText({ model: openai, messages, ...loop });
  assert.equal(second.text, 'still here');
  const references = sent.map(({ input }) => input.filter((item) => item.type === 'item_reference').length);
  assert.deepEqual(references, [0, 1, 2, 3], 'reasoning and messages come back by their ids alone');
  assert.ok(sent.every((body) => body.previous_response_id === undefined));
});

test('OpenAI_StreamText_RefersToItemsOfOtherConversations', async () => {
  const steps = [{ say: 'one' }, { say: 'two' }, { say: 'three' }];
  const messages = [{ role: 'user', content: go(...steps) }];
  for (const { say } of steps) {
    const result = streamText({ model: openai, messages });
    assert.equal(await result.text, say);
    messages.push(...await result.responseMessages, { role: 'user', content: 'On.' });
  }
  const conversations = sent.at(-1).input.filter((item) => item.type === 'item_reference')
    .map(({ id }) => id.split('_')[1]);
  assert.equal(new Set(conversations).size, 2, 'each request began a conversation of its own');
});

test('OpenAI_PreviousResponseId_SendsNewItemsOnly', async () => {
  const first = await generateText({ model: openai, prompt: go({ say: 'one' }, { say: 'two' }) });
  const { responseId: previousResponseId } = first.providerMetadata.openai;
  const providerOptions = { openai: { previousResponseId } };
  const second = await generateText({ model: openai, prompt: 'On.', providerOptions });
  assert.equal(second.text, 'two');
  assert.equal(sent[1].input.length, 1);
});

test('OpenAI_Unstored_SendsItsHistoryWhole', async () => {
  const { keys, loop } = lookups();
  const providerOptions = { openai: { store: false } };
  const prompt = go({ think: 'One.', then: look('a') }, { say: 'done' });
  const result = await generateText({ model: openai, prompt, providerOptions, ...loop });
  assert.equal(result.text, 'done');
  assert.deepEqual(keys, ['a']);
  assert.deepEqual(sent.map(({ store }) => store), [false, false]);
  assert.ok(sent[1].input.every((item) => item.type !== 'item_reference'));
});
