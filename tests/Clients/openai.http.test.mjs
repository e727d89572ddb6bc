// The official SDK over HTTP beside its socket: reading, listing and deleting what was stored, and who may do it.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { script } from './lib/codex.mjs';
import { Socket, sdk, user } from './lib/responses.mjs';
import { assertResponse } from './lib/schema.mjs';
import { Server } from './lib/server.mjs';

let server;
let client;
let socket;

before(async () => {
  server = await Server.start({ models: ['demo', 'gpt-6.1-sol'] });
  client = sdk(server);
});
after(() => server?.stop());
beforeEach(async () => { socket = await Socket.open(client); });
afterEach(() => socket?.close());

const says = (say) => [user(script([{ say }, { say: `${say} again` }]))];
const notFound = (error) => error.status === 404;
const withoutSdkFields = ({ output_text: added, ...response }) => response;

/** A chain of `count` stored turns; its last response. */
async function chain(count) {
  let last = await socket.complete({ input: says('one') });
  for (let turn = 1; turn < count; turn += 1) {
    last = await socket.complete({ input: [user(`turn ${turn}`)], previous_response_id: last.id });
  }
  return last;
}

test('Retrieve_StoredResponse_IsTheOneThatCompleted', async () => {
  const response = await chain(2);
  const retrieved = await client.responses.retrieve(response.id);
  assertResponse(withoutSdkFields(retrieved));
  assert.deepEqual(withoutSdkFields(retrieved), response);
  assert.equal(retrieved.output_text, 'one again');
});

test('Retrieve_RightAfterCompletion_IsNeverTooEarly', async () => {
  for (let round = 0; round < 20; round += 1) {
    const response = await socket.complete({ input: says('quick') });
    assert.equal((await client.responses.retrieve(response.id)).status, 'completed');
  }
});

test('Retrieve_UnknownUnstoredOrOdd_IsNotFound', async () => {
  const unstored = await socket.complete({ input: says('gone'), store: false });
  const ids = [unstored.id, 'resp_0000000000000000000001_1', 'resp_x', 'nonsense'];
  for (const id of ids) await assert.rejects(client.responses.retrieve(id), notFound, id);
});

test('Retrieve_AfterRestart_IsTheSame', async () => {
  const own = await Server.start();
  try {
    const before = await Socket.open(sdk(own));
    const response = await before.complete({ input: says('kept') });
    await own.kill();
    await own.launch();
    assert.deepEqual(withoutSdkFields(await sdk(own).responses.retrieve(response.id)), response);
    const later = await Socket.open(sdk(own));
    const next = await later.complete({ input: [user('Go on.')], previous_response_id: response.id });
    assert.equal(next.output[0].content[0].text, 'kept again');
    await later.close();
  } finally {
    await own.stop();
  }
});

test('Delete_Response_IsGoneButItsChildrenGoOn', async () => {
  const parent = await socket.complete({ input: says('one') });
  const child = await socket.complete({ input: [user('Go on.')], previous_response_id: parent.id });
  await client.responses.delete(parent.id);
  await assert.rejects(client.responses.retrieve(parent.id), notFound);
  await assert.rejects(client.responses.delete(parent.id), notFound);
  const refused = await socket.create({ input: [user('Go on.')], previous_response_id: parent.id });
  assert.equal(refused.error.code, 'previous_response_not_found');
  const grandchild = await socket.complete({ input: [user('Go on.')], previous_response_id: child.id });
  assert.equal(grandchild.output[0].content[0].text, 'script finished');
});

test('Delete_Response_AnswersItsId', async () => {
  const response = await socket.complete({ input: says('one') });
  const answer = await client.delete(`/responses/${response.id}`);
  assert.deepEqual({ ...answer }, { id: response.id, object: 'response', deleted: true });
});

test('InputItems_OfAChain_AreThoseItWasMadeFrom', async () => {
  const last = await chain(3);
  const ascending = await client.responses.inputItems.list(last.id, { order: 'asc' });
  assert.deepEqual(ascending.data.map((item) => item.role), ['user', 'assistant', 'user', 'assistant', 'user']);
  assert.equal(ascending.data.at(-1).content[0].text, 'turn 2');
  const newestFirst = await client.responses.inputItems.list(last.id);
  assert.deepEqual(newestFirst.data, ascending.data.toReversed());
  const { data, ...list } = await client.get(`/responses/${last.id}/input_items`, { query: { limit: 2 } });
  assert.deepEqual(data, newestFirst.data.slice(0, 2));
  assert.deepEqual(list, { object: 'list', first_id: data[0].id, last_id: data[1].id, has_more: true });
});

test('InputItems_InPages_ComeOnceEachInOrder', async () => {
  const last = await chain(4);
  const whole = await client.responses.inputItems.list(last.id, { order: 'asc', limit: 100 });
  const paged = [];
  for await (const item of client.responses.inputItems.list(last.id, { order: 'asc', limit: 2 })) paged.push(item);
  assert.deepEqual(paged, whole.data);
  assert.equal(new Set(paged.map((item) => item.id)).size, 7);
});

test('InputItems_StringInput_ComesNormalised', async () => {
  const response = await socket.complete({ input: 'just text' });
  const { data: [item] } = await client.responses.inputItems.list(response.id);
  assert.equal(item.type, 'message');
  assert.equal(item.role, 'user');
  assert.deepEqual(item.content.map((part) => [part.type, part.text]), [['input_text', 'just text']]);
});

test('InputItems_UnknownResponseOrPage_IsRefused', async () => {
  const response = await chain(1);
  await assert.rejects(client.responses.inputItems.list('resp_0000000000000000000001_1'), notFound);
  const refused = (error) => error.status === 400 || error.status === 404;
  await assert.rejects(client.responses.inputItems.list(response.id, { after: 'msg_nobody' }), refused);
  await assert.rejects(client.responses.inputItems.list(response.id, { limit: 101 }), (error) => error.status === 400);
});

test('Models_List_NamesEachOnce', async () => {
  const models = await client.models.list();
  assert.deepEqual(models.data.map((model) => model.id).sort(), ['demo', 'gpt-6.1-sol']);
  for (const model of models.data) {
    assert.equal(model.object, 'model');
    assert.ok(Number.isInteger(model.created));
    assert.equal(typeof model.owned_by, 'string');
  }
});

test('Key_MissingOrWrong_Is401OnBothTransports', async () => {
  const own = await Server.start({ apiKeys: ['sk-right'] });
  try {
    for (const key of ['sk-wrong', 'sk-righ', 'sk-right2']) {
      await assert.rejects(Socket.open(sdk(own, key)), /401/);
      await assert.rejects(sdk(own, key).models.list(), (error) => error.status === 401);
    }
    assert.equal((await fetch(`${own.baseUrl}/models`)).status, 401);
    const right = await Socket.open(sdk(own, 'sk-right'));
    await right.complete({ input: says('welcome') });
    await right.close();
  } finally {
    await own.stop();
  }
});

test('Tenant_OtherThanTheOwner_FindsNothing', async () => {
  const own = await Server.start({ apiKeys: ['sk-a=alpha', 'sk-b=beta'] });
  try {
    const alpha = await Socket.open(sdk(own, 'sk-a'));
    const response = await alpha.complete({ input: says('mine') });
    const beta = await Socket.open(sdk(own, 'sk-b'));
    const refused = await beta.create({ input: [user('Go on.')], previous_response_id: response.id });
    assert.equal(refused.error.code, 'previous_response_not_found');
    const stranger = sdk(own, 'sk-b').responses;
    await assert.rejects(stranger.retrieve(response.id), notFound);
    await assert.rejects(stranger.delete(response.id), notFound);
    await assert.rejects(stranger.inputItems.list(response.id), notFound);
    assert.equal((await sdk(own, 'sk-a').responses.retrieve(response.id)).id, response.id);
    await Promise.all([alpha.close(), beta.close()]);
  } finally {
    await own.stop();
  }
});
