// The official SDK before a server whose model is a chat-completions server: what is carried there and mapped back.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import OpenAI from 'openai';
import { ChatServer } from './lib/chat-server.mjs';
import { script } from './lib/codex.mjs';
import { Socket, answer, sdk, tool, user } from './lib/responses.mjs';
import { assertResponse } from './lib/schema.mjs';
import { Server } from './lib/server.mjs';
import { assertStream } from './lib/stream.mjs';

let chat;
let server;
let responses;

before(async () => {
  chat = await ChatServer.start();
  server = await Server.start({ modelUrl: chat.baseUrl, modelApi: 'chat' });
  ({ responses } = sdk(server));
});
after(async () => {
  await server?.stop();
  await chat?.stop();
});
beforeEach(() => {
  chat.requests.length = 0;
  chat.refusals.length = 0;
});
afterEach(() => {
  assert.deepEqual(chat.violations.splice(0), []);
});

const scripted = (...steps) => [user(script(steps))];
const create = (fields) => responses.create({ model: 'demo', ...fields });
const bare = ({ output_text: added, ...response }) => response;

async function streamed(fields) {
  const events = [];
  for await (const event of await create({ ...fields, stream: true })) events.push(event);
  return events;
}

test('Chat_TextAndReasoning_AreStreamedWithUsage', async () => {
  const say = 'Quote " backslash \\ line\n and \u{1F469}\u200D\u{1F680}, cut in small pieces.';
  const events = await streamed({ input: scripted({ think: 'Hm.', then: { say } }), instructions: 'Be brief.' });
  assertStream(events);
  const { response } = events.at(-1);
  assert.deepEqual(response.output.map((item) => item.type), ['reasoning', 'message']);
  assert.equal(response.output[1].content[0].text, say);
  assert.ok(response.usage.input_tokens > 0);
  assert.deepEqual(chat.requests[0].body.messages[0], { role: 'system', content: 'Be brief.' });
  assert.deepEqual(bare(await responses.retrieve(response.id)), response);
});

test('Chat_Chain_GrowsAndIsCached', async () => {
  const first = await create({ input: scripted({ say: 'one' }, { say: 'two' }, { say: 'three' }) });
  const second = await create({ input: [user('On.')], previous_response_id: first.id });
  const socket = await Socket.open(sdk(server));
  try {
    const third = await socket.complete({ input: [user('On.')], previous_response_id: second.id });
    assert.equal(third.output[0].content[0].text, 'three');
    assert.ok(third.usage.input_tokens_details.cached_tokens > 0);
  } finally {
    await socket.close();
  }
  assert.deepEqual(chat.prefixComplaints(), []);
});

test('Chat_ToolsOfEachKind_AreFunctionsThereAndThemselvesHere', async () => {
  const longName = `look_${'far_'.repeat(30)}away`;
  const tools = [
    tool('lookup'),
    tool(longName),
    { type: 'custom', name: 'patch', description: 'Takes any text.', format: { type: 'text' } },
    { type: 'namespace', name: 'space', description: 'Some.', tools: [tool('inner')] },
    { type: 'web_search' },
  ];
  const parallel = [{ call: 'lookup', args: { value: 'a\n"' } }, { custom: 'patch', input: '*** "x"\n' },
    { call: 'inner', args: {}, namespace: 'space' }];
  const first = await create({ input: scripted({ parallel }, { say: 'done' }), tools });
  assertResponse(bare(first));
  const [called, patched, inner] = first.output;
  assert.deepEqual([called.type, called.name, JSON.parse(called.arguments)],
    ['function_call', 'lookup', { value: 'a\n"' }]);
  assert.deepEqual([patched.type, patched.name, patched.input], ['custom_tool_call', 'patch', '*** "x"\n']);
  assert.deepEqual([inner.type, inner.namespace, inner.name], ['function_call', 'space', 'inner']);
  const offered = chat.requests[0].body.tools.map((one) => one.function.name);
  assert.equal(offered.length, 4, 'a hosted tool cannot be offered');
  assert.deepEqual(first.tools.map(({ type }) => type), tools.map(({ type }) => type), 'the echo is what was sent');
  const outputs = [answer(called, 'a'), { type: 'custom_tool_call_output', call_id: patched.call_id, output: 'b' },
    answer(inner, 'c')];
  const second = await create({ input: outputs, tools, previous_response_id: first.id });
  assert.equal(second.output_text, 'done');
});

test('Chat_NameTooLong_ComesBackWhole', async () => {
  const name = `look_${'far_'.repeat(15)}away`;
  const other = `look_${'far_'.repeat(15)}astray`;
  const input = 'Which name did you see?';
  await create({ input, tools: [tool(name), tool(other)] });
  const [short] = chat.requests[0].body.tools.map((one) => one.function.name);
  assert.notEqual(short, name);
  const response = await create({ input: scripted({ call: short, args: {} }), tools: [tool(name), tool(other)] });
  assert.equal(response.output[0].name, name);
});

test('Chat_ImagesAndFormats_AreCarried', async () => {
  const png = 'data:image/png;base64,iVBORw0KGgo=';
  const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
  const seen = [{ type: 'input_text', text: 'See.' }, { type: 'input_image', image_url: png }];
  const format = { type: 'json_schema', name: 'place', schema, strict: true };
  await create({ input: [{ role: 'user', content: seen }], text: { format }, temperature: 0.5, max_output_tokens: 64 });
  const { body } = chat.requests[0];
  assert.deepEqual(body.messages[0].content.map(({ type }) => type), ['text', 'image_url']);
  assert.equal(body.messages[0].content[1].image_url.url, png);
  assert.equal(body.response_format.type, 'json_schema');
  assert.deepEqual(body.response_format.json_schema.schema, schema);
  assert.equal(body.temperature, 0.5);
  assert.equal(body.max_tokens ?? body.max_completion_tokens, 64);
});

test('Chat_AnswerCut_IsIncomplete', async () => {
  for (const reason of ['max_output_tokens', 'content_filter']) {
    const response = await create({ input: scripted({ stop: reason }) });
    assert.equal(response.status, 'incomplete');
    assert.deepEqual(response.incomplete_details, { reason });
  }
});

test('Chat_FailureInTheStream_EndsTheTurnWhichCanBeContinued', async () => {
  const events = await streamed({ input: scripted({ fail: 'server_error', after_events: 4 }) });
  assertStream(events);
  assert.equal(events.at(-1).type, 'response.failed');
  const next = await create({ input: scripted({ say: 'better' }), previous_response_id: events.at(-1).response.id });
  assert.equal(next.output_text, 'better');
});

test('Chat_RateLimit_ReachesTheClientWhichWaitsAsTold', async () => {
  const refusal = { status: 429, code: 'rate_limit_exceeded', headers: { 'retry-after-ms': '300' } };
  chat.refusals.push(refusal);
  await assert.rejects(create({ input: scripted({ say: 'x' }) }), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.code, 'rate_limit_exceeded');
    assert.equal(error.headers.get('x-should-retry'), 'true');
    assert.equal(error.headers.get('retry-after-ms'), '300');
    assert.equal(error.headers.get('retry-after'), '1');
    return true;
  });
  chat.refusals.push(refusal);
  const begun = performance.now();
  const patient = new OpenAI({ baseURL: server.baseUrl, apiKey: 'sk-none', maxRetries: 2 });
  const response = await patient.responses.create({ model: 'demo', input: scripted({ say: 'at last' }) });
  assert.equal(response.output_text, 'at last');
  assert.ok(performance.now() - begun >= 300);
});

test('Chat_RefusalOfTheRequest_IsNotTriedAgain', async () => {
  chat.refusals.push({ status: 400, code: 'invalid_value' });
  const patient = new OpenAI({ baseURL: server.baseUrl, apiKey: 'sk-none', maxRetries: 2 });
  const input = scripted({ say: 'x' });
  await assert.rejects(patient.responses.create({ model: 'demo', input }), (error) => {
    assert.equal(error.status, 400);
    assert.equal(error.headers.get('x-should-retry'), 'false');
    return true;
  });
  assert.deepEqual(chat.requests, [], 'one request, and that was refused');
});

test('Chat_Models_AreThoseOfTheServerBehind', async () => {
  const models = await sdk(server).models.list();
  assert.deepEqual(models.data.map((model) => model.id), ['demo']);
});
