// The official SDK's chat completions: JSON, streams, its stream helper, its tool runner, parsed output, refusals.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { script } from './lib/codex.mjs';
import { sdk } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

const keys = ['a', 'b', 'c'];
const look = (key) => ({ call: 'lookup', args: { key } });
// Without thoughts: the SDK's runner sends none back.
const loop = [...keys.map(look), { say: 'all done' }];

let server;
let completions;

before(async () => {
  server = await Server.start({ settings: { Recognition: 'stored' } });
  ({ completions } = sdk(server).chat);
});
after(() => server?.stop());

const user = (...steps) => ({ role: 'user', content: `Go.\n${script(steps)}` });
const conversationOf = ({ id }) => id.slice('chatcmpl-'.length).split('_')[0];

/** The tool of a runner, and the keys that it was asked for. */
function lookups() {
  const asked = [];
  const lookup = {
    type: 'function',
    function: {
      name: 'lookup',
      description: 'Looks a key up.',
      parameters: { type: 'object', properties: { key: { type: 'string' } } },
      parse: JSON.parse,
      function: ({ key }) => {
        asked.push(key);
        return `value of ${key}`;
      },
    },
  };
  return { asked, tools: [lookup] };
}

test('Create_Json_IsACompletion', async () => {
  const { data, request_id: requestId } =
    await completions.create({ model: 'demo', messages: [user({ say: 'Hello there.' })] }).withResponse();
  assert.equal(data.choices[0].message.content, 'Hello there.');
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
  assert.ok(requestId.length > 0);
});

test('Create_Streamed_DeltasAddUp', async () => {
  const stream = await completions.create({
    model: 'demo', messages: [user({ think: 'Hm.', then: { say: 'Hello there.' } })], stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const joined = (member) => chunks.map(({ choices }) => choices[0]?.delta[member] ?? '').join('');
  assert.equal(joined('content'), 'Hello there.');
  assert.equal(joined('reasoning_content'), 'Hm.');
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
});

test('StreamHelper_ParallelCalls_AreWhole', async () => {
  const stream = completions.stream({
    model: 'demo', messages: [user({ parallel: [look('a'), look('b')] })], tools: lookups().tools,
  });
  const { choices: [{ message, finish_reason: reason }] } = await stream.finalChatCompletion();
  assert.equal(reason, 'tool_calls');
  assert.deepEqual(message.tool_calls.map((call) => JSON.parse(call.function.arguments)), [{ key: 'a' }, { key: 'b' }]);
});

test('StreamHelper_Thought_IsSentBackWhole', async () => {
  const first = user({ think: 'Hm, a thought of several deltas.', then: { say: 'one' } }, { say: 'two' });
  const { id, choices: [{ message }] } =
    await completions.stream({ model: 'demo', messages: [first], store: true }).finalChatCompletion();
  const messages = [first, message, { role: 'user', content: 'On.' }];
  const next = await completions.create({ model: 'demo', messages, store: true });
  assert.equal(conversationOf(next), conversationOf({ id }));
  assert.equal(next.evergrain.items_new, 1);
});

for (const stream of [false, true]) {
  test(`RunTools_${stream ? 'Streamed' : 'Json'}_LoopIsOneConversation`, async () => {
    const { asked, tools } = lookups();
    const made = [];
    const runner = completions.runTools({ model: 'demo', messages: [user(...loop)], tools, store: true, stream })
      .on('chatCompletion', (completion) => made.push(completion));
    assert.equal(await runner.finalContent(), 'all done');
    assert.deepEqual(asked, keys);
    assert.equal(made.length, loop.length);
    assert.equal(new Set(made.map(conversationOf)).size, 1, `one conversation: ${made.map(({ id }) => id)}`);
    const last = await sdk(server).responses.retrieve(made.at(-1).id.replace('chatcmpl-', 'resp_'));
    assert.equal(last.evergrain.items_new, 1);
  });
}

test('Parse_Schema_IsParsed', async () => {
  const schema = z.object({ city: z.string() });
  const completion = await completions.parse({
    model: 'demo', messages: [user({ say: '{"city":"Oslo"}' })], response_format: zodResponseFormat(schema, 'place'),
  });
  assert.deepEqual(completion.choices[0].message.parsed, { city: 'Oslo' });
});

test('Stored_ListRetrieveUpdateDelete_AsTheSdkHasThem', async () => {
  const made = [];
  for (const say of ['one', 'two', 'three']) {
    const fields = { model: 'demo', store: true, metadata: { kind: 'listed', say } };
    made.push(await completions.create({ ...fields, messages: [user({ say })] }));
  }

  const ids = async (query) => {
    const found = [];
    for await (const completion of completions.list(query)) found.push(completion.id);
    return found;
  };
  const expected = made.map(({ id }) => id);
  assert.deepEqual(await ids({ metadata: { kind: 'listed' }, limit: 1 }), expected);
  assert.deepEqual(await ids({ metadata: { kind: 'listed' }, limit: 2, order: 'desc' }), expected.toReversed());
  assert.deepEqual(await ids({ metadata: { kind: 'listed', say: 'two' }, model: 'demo' }), [expected[1]]);
  assert.deepEqual(await ids({ metadata: { kind: 'listed' }, model: 'nobody' }), []);

  const updated = await completions.update(expected[0], { metadata: { kind: 'other' } });
  assert.deepEqual(updated.metadata, { kind: 'other' });
  assert.deepEqual(await completions.retrieve(expected[0]), updated);
  assert.deepEqual(await ids({ metadata: { kind: 'listed' } }), expected.slice(1));
  const messages = [];
  for await (const message of completions.messages.list(expected[1], { limit: 1 })) messages.push(message);
  assert.deepEqual(messages.map(({ role }) => role), ['user']);

  assert.equal((await completions.delete(expected[1])).deleted, true);
  await assert.rejects(completions.retrieve(expected[1]), OpenAI.NotFoundError);
  await assert.rejects(completions.update(expected[1], { metadata: {} }), OpenAI.NotFoundError);
  assert.deepEqual(await ids({ metadata: { kind: 'listed' } }), [expected[2]]);
});

for (const stream of [false, true]) {
  test(`Refusals_${stream ? 'Streamed' : 'Json'}_AreTheErrorsOfTheSdk`, async () => {
    const refused = (fields) => assert.rejects(
      completions.create({ model: 'demo', messages: [{ role: 'user', content: 'Hi' }], stream, ...fields }),
      (error) => error instanceof OpenAI.BadRequestError && error.param === Object.keys(fields)[0]);
    await refused({ n: 2 });
    await refused({ functions: [] });
    await refused({ messages: [] });
  });
}

test('Stream_ThatFailsInTheMiddle_IsAnError', async () => {
  const stream = await completions.create({
    model: 'demo', messages: [user({ fail: 'server_error', after_events: 6 })], stream: true,
  });
  await assert.rejects(async () => { for await (const _ of stream); }, OpenAI.APIError);
});
