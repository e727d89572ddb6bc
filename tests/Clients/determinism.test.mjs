// A plain client of our own: one script on two fresh servers, and one context reached in different ways.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { script } from './lib/codex.mjs';
import { Server } from './lib/server.mjs';
import { isTerminal } from './lib/stream.mjs';

const turnMs = 60_000;
const tools = [{ type: 'function', name: 'lookup', description: null, parameters: { type: 'object' }, strict: null }];
const user = (text) => ({ role: 'user', content: text });
const steps = [
  { call: 'lookup', args: { key: 'a', n: 1.50, text: '\u00e9\u2028"' } },
  { think: 'Two more.', then: { parallel: [{ call: 'lookup', args: {} }, { call: 'lookup', args: { b: null } }] } },
  { say: 'That is all. \u{1F680}' },
];

let servers = [];

before(async () => { servers = await Promise.all([Server.start(), Server.start()]); });
after(() => Promise.all(servers.map((server) => server.stop())));

/** One socket to a server; `turn` sends a create and resolves with the completed response. */
async function connect(server) {
  const socket = new WebSocket(`${server.baseUrl.replace('http', 'ws')}/responses`);
  await once(socket, 'open');
  const turn = (fields) => new Promise((resolve, reject) => {
    const fail = (reason) => reject(new Error(reason));
    const timer = setTimeout(fail, turnMs, `no terminal event within ${turnMs} ms`);
    const settle = (data) => {
      const event = JSON.parse(data);
      if (!isTerminal(event)) return;
      clearTimeout(timer);
      socket.off('message', settle);
      if (event.type === 'response.completed') resolve(event.response);
      else fail(data.toString());
    };
    socket.on('message', settle);
    socket.send(JSON.stringify({ type: 'response.create', model: 'demo', tools, ...fields }));
  });
  return { turn, close: () => socket.close() };
}

const outputsFor = (response, seed) => response.output.filter((item) => item.type === 'function_call')
  .map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: `${seed} for ${call.arguments}` }));

/** Runs the script from its first message to its last word; every item that was in it, and the digest of each turn. */
async function runScript(server, { seed = 'output', store = true, first = user(`Go.\n${script(steps)}`) } = {}) {
  const { turn, close } = await connect(server);
  const items = [];
  const digests = [];
  let input = [first];
  let parent;
  do {
    const response = await turn({ input, store, ...(parent && { previous_response_id: parent }) });
    digests.push(response.evergrain.digest);
    items.push(...input, ...response.output);
    input = outputsFor(response, seed);
    parent = response.id;
  } while (input.length > 0);
  close();
  assert.equal(digests.length, steps.length);
  return { items, digests };
}

test('Digests_OfOneScriptOnTwoFreshServers_AreEqual', async () => {
  const [one, two] = await Promise.all(servers.map((server) => runScript(server)));
  assert.deepEqual(one.digests, two.digests);
  assert.notDeepEqual(one.items.map((item) => item.id), two.items.map((item) => item.id), 'ids are random');
  for (const digest of one.digests) assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(new Set(one.digests).size, steps.length, 'each turn changes the digest');
});

test('Digests_OfStoredAndUnstoredRuns_AreEqual', async () => {
  const [server] = servers;
  const stored = await runScript(server);
  const unstored = await runScript(server, { store: false });
  assert.deepEqual(stored.digests, unstored.digests);
});

test('Digests_OfAnotherToolOutput_DifferFromThereOn', async () => {
  const [server] = servers;
  const one = await runScript(server);
  const other = await runScript(server, { seed: 'another output' });
  assert.equal(one.digests[0], other.digests[0]);
  assert.notEqual(one.digests[1], other.digests[1]);
  assert.notEqual(one.digests[2], other.digests[2]);
});

test('Digest_OfAFullResend_EqualsTheIncrementalOne', async () => {
  const [server] = servers;
  const { items, digests } = await runScript(server);
  const { turn, close } = await connect(server);
  const resent = await turn({ input: items.slice(0, -1) });
  close();
  assert.equal(resent.output[0].content[0].text, steps.at(-1).say);
  assert.equal(resent.evergrain.digest, digests.at(-1));
});

test('Digest_OfTheSameItemWrittenOtherwise_IsEqual', async () => {
  const [server] = servers;
  const text = `Go.\n${script(steps)}`;
  const spelled = { id: 'msg_mine', status: 'completed', content: [{ text, type: 'input_text' }], role: 'user',
    type: 'message' };
  const short = await runScript(server);
  const long = await runScript(server, { first: spelled });
  assert.deepEqual(long.digests, short.digests);
});
