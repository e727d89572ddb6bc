// A conversation that goes through model servers of several kinds, and back: each takes it over, gets its own private
// things back and sees no other server's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { DialectServer, kindOf } from './lib/dialect-servers.mjs';
import { Socket, answer, sdk, tool, user } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

const limits = { timeout: 180_000 };
const tools = [tool('look')];
const names = Object.keys(kindOf);

/** Servers of every kind behind one of ours. llama.cpp's has to say itself what it is; settings name the others. */
async function withKinds(body, prepare = () => {}) {
  const models = await Promise.all(names.map((name) => DialectServer.start(name)));
  const settings = Object.assign({}, ...models.map(({ name, kind, url }, index) => ({
    [`ModelServers__${index}__Name`]: name,
    [`ModelServers__${index}__Api`]: kind === 'responses' ? 'responses' : 'chat',
    [`ModelServers__${index}__Urls__0`]: url,
    [`ModelServers__${index}__Models__0`]: `${name}/*`,
    ...(['responses', 'llama.cpp'].includes(kind) ? {} : { [`ModelServers__${index}__Dialect`]: kind }),
  })));
  models.forEach(prepare);
  const server = await Server.start({ settings });
  try {
    await body(server, models);
    models.forEach(({ name, violations }) => assert.deepEqual(violations, [], name));
  } finally {
    await server.stop();
    await Promise.all(models.map((model) => model.stop()));
  }
}

/** One turn of a server: it thinks and calls, is given the output, and says something. Returns the last response. */
async function turn(socket, name, previous, store = true) {
  const fields = { model: `${name}/m`, store, tools, reasoning: { effort: 'medium' }, instructions: 'Be odd.' };
  const told = user(`Your turn, ${name}.`);
  const asked = await socket.complete({ ...fields, previous_response_id: previous, input: [told] });
  const calls = asked.output.filter(({ type }) => type === 'function_call');
  assert.deepEqual(calls.map((call) => [call.name, JSON.parse(call.arguments).by]), [['look', name]]);
  const isSeen = JSON.stringify(asked).includes('secret-');
  assert.equal(isSeen, kindOf[name] === 'responses', 'clients see no private things, save sealed thoughts');
  const output = name === 'gemini' ? '' : `seen by ${name}`;
  const said = await socket.complete({ ...fields, previous_response_id: asked.id, input: [answer(calls[0], output)] });
  assert.equal(said.output.at(-1).content[0].text, `${name} saw it`);
  return said.id;
}

async function round(socket, previous, { store = true, on = names } = {}) {
  let last = previous;
  for (const name of on) last = await turn(socket, name, last, store);
  return last;
}

for (const store of [true, false]) {
  test(`Conversation_ThroughAllServersAndBack_IsTakenOver_store_${store}`, limits, () => withKinds(async (server) => {
    const socket = await Socket.open(sdk(server));
    const first = await round(socket, undefined, { store });
    const second = await round(socket, first, { store });
    await round(socket, second, { store, on: [...names].reverse() });
    await socket.close();
  }));
}

test('Conversation_WhoseServerIsKilledBetween_GivesEachItsOwnBack', limits, () => withKinds(async (server) => {
  const before = await Socket.open(sdk(server));
  const first = await round(before, undefined);
  await server.kill();
  await server.launch();
  const after = await Socket.open(sdk(server));
  await round(after, first);
  await after.close();
}));

test('Forks_OfOneConversation_KeepTheirOwnThings', limits, () => withKinds(async (server) => {
  const socket = await Socket.open(sdk(server));
  const root = await round(socket, undefined, { on: ['gemini', 'responses'] });
  for (const on of [['openrouter', 'gemini', 'responses'], ['responses', 'openrouter', 'gemini'], names]) {
    await round(socket, root, { on });
  }
  await socket.close();
}));

test('Conversation_WhoseServerSaysLateWhatItIs_GoesOnInItsDialect', limits, () => withKinds(async (server, models) => {
  const llama = models.find(({ kind }) => kind === 'llama.cpp');
  const socket = await Socket.open(sdk(server));
  const withThoughts = () => llama.requests.at(-1).messages.filter((message) => 'reasoning_content' in message).length;
  let last = await turn(socket, 'llama.cpp');
  llama.shows = true;
  for (const begun = Date.now(); withThoughts() === 0;) {
    assert.ok(Date.now() - begun < 60_000, 'it is asked again');
    await pause(500);
    last = await turn(socket, 'llama.cpp', last);
  }
  // From then on thoughts go back, also those of the turns before.
  const withCalls = llama.requests.at(-1).messages.filter((message) => message.tool_calls).length;
  assert.ok(withCalls > 1);
  assert.equal(withThoughts(), withCalls);
  await socket.close();
}, (model) => { model.isHidden = model.kind === 'llama.cpp'; }));
