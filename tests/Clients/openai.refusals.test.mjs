// What the server refuses, as the official SDK sees it: an error frame that names the field, and a socket that goes on.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { ResponsesWebSocketSession } from 'openai/lib/responses/responses-websocket-session';
import { script } from './lib/codex.mjs';
import { Socket, answer, sdk, tool, user } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

let server;
let socket;

// Smaller than its default, so that a frame that is too long is made soon.
const frameBytesMax = 1 << 20;
const settings = { FrameBytesMax: `${frameBytesMax}` };

before(async () => { server = await Server.start({ settings }); });
after(() => server?.stop());
beforeEach(async () => { socket = await Socket.open(sdk(server)); });
afterEach(() => socket?.close());

const hello = () => [user(script([{ say: 'hello' }]))];

async function assertGoesOn() {
  const response = await socket.complete({ input: hello() });
  assert.equal(response.output[0].content[0].text, 'hello');
}

async function assertRefused(result, { code, param, names }) {
  assert.equal(result.status, 400, JSON.stringify(result.events));
  assert.equal(result.error.type, 'invalid_request_error');
  if (code) assert.equal(result.error.code, code);
  if (param) assert.equal(result.error.param, param);
  if (names) assert.ok(result.error.message.includes(names), result.error.message);
  await socket.assertSilent(50);
  assert.ok(socket.isOpen);
}

test('Parent_Unknown_IsRefusedAndTheSocketGoesOn', async () => {
  const ids = ['resp_openresponses_missing_1', 'resp_0000000000000000000001_1', 'not an id', 'x'.repeat(10_000)];
  for (const id of ids) {
    const result = await socket.create({ input: hello(), previous_response_id: id });
    await assertRefused(result, { code: 'previous_response_not_found', param: 'previous_response_id' });
  }
  await assertGoesOn();
});

test('Model_Unknown_IsRefusedByName', async () => {
  const result = await socket.create({ input: hello(), model: 'no-such-model' });
  await assertRefused(result, { code: 'model_not_found', param: 'model', names: 'no-such-model' });
  assert.match(result.error.message, /There are: demo/, 'the models that exist are named');
  await assertGoesOn();
});

test('Json_Malformed_IsRefused', async () => {
  const deep = `{"type":"response.create","model":"demo","input":${'['.repeat(100)}${']'.repeat(100)}}`;
  const twice = '{"type":"response.create","model":"demo","model":"demo","input":"x"}';
  for (const text of ['{', 'null', '[]', '""', '{"type":"response.create"', deep, twice]) {
    socket.sendRaw(text);
    await assertRefused(await socket.result(), {});
  }
  await assertGoesOn();
});

test('Lane_OfASession_IsRefusedAndItsCallerIsTold', async () => {
  const bounds = { maxLanes: 4, maxBufferedEvents: 100, maxBufferedBytes: 1e6 };
  const session = new ResponsesWebSocketSession(socket.ws, bounds);
  for (const name of ['left', 'right']) {
    const lane = session.lane(name);
    lane.create({ model: 'demo', input: hello() });
    const { type, stream_id: echoed, error } = await lane.receive({ signal: AbortSignal.timeout(10_000) });
    assert.deepEqual([type, echoed, error.code], ['error', name, 'invalid_stream_id']);
  }
  const lane = session.lane();
  lane.create({ model: 'demo', input: hello() });
  assert.equal((await lane.finalResponse()).output_text, 'hello', 'the default lane goes on');
  session.close();
});

test('Frame_TooLong_ClosesTheSocketWithTheLimit', async () => {
  const closed = new Promise((resolve) => { socket.ws.on('close', (code, reason) => resolve({ code, reason })); });
  socket.sendRaw(JSON.stringify({ type: 'response.create', model: 'demo', input: 'x'.repeat(frameBytesMax) }));
  const { code, reason } = await closed;
  assert.deepEqual([code, String(reason)], [1009, `The message is longer than FrameBytesMax, ${frameBytesMax} bytes.`]);
});

test('Feature_Absent_IsNamed', async () => {
  const client = sdk(server);
  const absent = {
    '/v1/conversations': () => client.conversations.create(),
    '/v1/responses/compact': () => client.responses.compact({ model: 'demo', input: 'x' }),
    '/v1/responses/input_tokens': () => client.responses.inputTokens.count({ model: 'demo', input: 'x' }),
    '/v1/embeddings': () => client.embeddings.create({ model: 'demo', input: 'x' }),
  };
  for (const [path, ask] of Object.entries(absent)) {
    await assert.rejects(ask, (error) => {
      assert.equal(error.status, 404);
      assert.ok(error.message.includes(`Evergrain has no ${path}: `), error.message);
      return true;
    });
  }
});

test('Frame_Binary_IsRefused', async () => {
  socket.sendRaw(Buffer.from('{"type":"response.create"}'));
  await assertRefused(await socket.result(), {});
  await assertGoesOn();
});

test('Event_Unknown_IsRefused', async () => {
  socket.send({ type: 'response.explode' });
  await assertRefused(await socket.result(), { param: 'type' });
  await assertGoesOn();
});

test('Field_OfWrongType_IsRefusedByName', async () => {
  const wrong = {
    model: 7, input: 42, previous_response_id: 5, store: 'yes', tools: 'none', metadata: [], temperature: 'hot',
    generate: 'no', instructions: {}, max_output_tokens: 'many', parallel_tool_calls: 1,
  };
  for (const [member, value] of Object.entries(wrong)) {
    await assertRefused(await socket.create({ input: hello(), [member]: value }), { param: member });
  }
  await assertGoesOn();
});

test('Item_Wrong_IsRefusedByItsPlace', async () => {
  const wrong = [7, null, 'text', {}, { type: 'function_call_output', output: 'no call_id' }, { type: 5 }];
  for (const item of wrong) {
    const result = await socket.create({ input: [user('fine'), item] });
    await assertRefused(result, {});
    assert.match(result.error.param ?? '', /^input\[1\]/, JSON.stringify(item));
  }
  await assertGoesOn();
});

test('CallOutput_WithoutItsCall_IsRefusedAndEvictsAnUnstoredParent', async () => {
  for (const store of [true, false]) {
    const parent = await socket.complete({ input: hello(), store });
    const stray = [answer({ call_id: 'call_nobody_made' }, 'x')];
    const fields = { store, previous_response_id: parent.id };
    await assertRefused(await socket.create({ ...fields, input: stray }), { names: 'call_nobody_made' });
    const next = await socket.create({ ...fields, input: [user('Go on.')] });
    if (store) assert.equal(next.type, 'response.completed', 'a stored parent stays');
    else await assertRefused(next, { code: 'previous_response_not_found' });
  }
});

test('Call_LeftOpenOrAnsweredTwice_IsRefusedByItsId', async () => {
  const input = [user(script([{ call: 'lookup', args: {} }, { say: 'done' }]))];
  const parent = await socket.complete({ input, tools: [tool('lookup')] });
  const [call] = parent.output;
  const fields = { previous_response_id: parent.id, tools: [tool('lookup')] };
  await assertRefused(await socket.create({ ...fields, input: [user('Skip it.')] }), { names: call.call_id });
  const twice = [answer(call, 'a'), answer(call, 'b')];
  await assertRefused(await socket.create({ ...fields, input: twice }), { names: call.call_id });
  const done = await socket.complete({ ...fields, input: [answer(call, 'a')] });
  const late = { previous_response_id: done.id, input: [answer(call, 'again')] };
  await assertRefused(await socket.create(late), { names: call.call_id });
  assert.equal(done.output[0].content[0].text, 'done');
});

test('StoredTurn_OnAnUnstoredParent_IsRefused', async () => {
  const parent = await socket.complete({ input: hello(), store: false });
  const result = await socket.create({ input: [user('Keep it.')], previous_response_id: parent.id, store: true });
  await assertRefused(result, { param: 'store' });
  await assertGoesOn();
});

test('UnstoredTurn_OnAStoredParent_IsFine', async () => {
  const parent = await socket.complete({ input: hello() });
  const child = await socket.complete({ input: [user('Aside.')], previous_response_id: parent.id, store: false });
  assert.equal(child.previous_response_id, parent.id);
});

test('Surrogate_Unpaired_IsKeptAsItCame', async () => {
  const response = await socket.complete({ input: [user('half \ud83d of a pair')] });
  const items = await sdk(server).responses.inputItems.list(response.id);
  assert.equal(items.data[0].content[0].text, 'half \ud83d of a pair');
});
