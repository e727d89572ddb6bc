// The OpenAI Agents SDK against the built server, over both of its transports: loops, chains, streams, failures.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from '@openai/agents';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { script } from './lib/codex.mjs';
import { RecordingProxy } from './lib/proxy.mjs';
import { sdk } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';
import { eventsOf } from './lib/sse.mjs';
import { assertStream } from './lib/stream.mjs';

setTracingDisabled(true);
// Node 20's own WebSocket takes no headers, which the SDK needs to pass.
globalThis.WebSocket = WebSocket;

const transports = ['HTTP', 'WebSocket'];

let server;
let proxy;
let seen;

before(async () => { server = await Server.start(); });
after(() => server?.stop());
beforeEach(async () => {
  proxy = await RecordingProxy.start(server);
  seen = [];
});
afterEach(() => proxy?.stop());

const lookup = tool({
  name: 'lookup',
  description: 'Looks a key up.',
  parameters: z.object({ key: z.string() }),
  execute: async ({ key }) => {
    seen.push(key);
    return `value of ${key}`;
  },
});
const agent = (fields = {}) => new Agent({
  name: 'Tester', model: 'demo', instructions: 'Follow the script.', tools: [lookup], ...fields,
});
const look = (key) => ({ call: 'lookup', args: { key } });
const go = (...steps) => `Go.\n${script(steps)}`;

/** A runner whose requests go through the proxy, for as long as `body` runs. */
async function withRunner(transport, body) {
  const useResponsesWebSocket = transport === 'WebSocket';
  const provider = new OpenAIProvider({ openAIClient: sdk(proxy), useResponsesWebSocket });
  try {
    await body(new Runner({ modelProvider: provider }));
  } finally {
    await provider.close();
  }
}

/** Creates that went to the server, in order, with the events that answered them if they were streamed. */
function turnsOf(transport) {
  if (transport === 'WebSocket') {
    assert.deepEqual(proxy.requests, [], 'it never left WebSocket');
    return proxy.turns().map(({ create, events }) => ({ create, events }));
  }
  assert.deepEqual(proxy.connections, [], 'it never left HTTP');
  return proxy.requests.map(({ body, answer }) => ({ create: body, events: body.stream ? eventsOf(answer) : [] }));
}

const sizes = (turns) => turns.map(({ create }) => create.input.length);

for (const transport of transports) {
  test(`Agents_${transport}_ToolLoop_RunsToItsEnd`, () => withRunner(transport, async (runner) => {
    const parallel = [look('b'), look('c')];
    const steps = [look('a'), { think: 'Two more.', then: { parallel } }, { say: 'all done' }];
    const result = await runner.run(agent(), go(...steps));
    assert.equal(result.finalOutput, 'all done');
    assert.deepEqual(seen, ['a', 'b', 'c']);
    const turns = turnsOf(transport);
    assert.deepEqual(sizes(turns), [1, 3, 8], 'without an id it sends its whole history');
    assert.ok(result.rawResponses.every(({ usage }) => usage.totalTokens > 0));
    turns.filter(({ events }) => events.length > 0).forEach(({ events }) => assertStream(events));
  }));

  test(`Agents_${transport}_PreviousResponseId_SendsNewItemsOnly`, () => withRunner(transport, async (runner) => {
    const steps = [{ say: 'hello' }, look('a'), look('b'), { say: 'found' }, { say: 'bye' }];
    const first = await runner.run(agent(), go(...steps));
    assert.equal(first.finalOutput, 'hello');
    const second = await runner.run(agent(), 'Now look.', { previousResponseId: first.lastResponseId });
    assert.equal(second.finalOutput, 'found');
    assert.deepEqual(seen, ['a', 'b']);
    const third = await runner.run(agent(), 'Leave.', { previousResponseId: second.lastResponseId });
    assert.equal(third.finalOutput, 'bye');
    const turns = turnsOf(transport);
    assert.deepEqual(sizes(turns), [1, 1, 1, 1, 1]);
    const ids = [...first.rawResponses, ...second.rawResponses].map(({ responseId }) => responseId);
    assert.deepEqual(turns.map(({ create }) => create.previous_response_id), [undefined, ...ids]);
  }));

  test(`Agents_${transport}_Stream_DeltasAddUp`, () => withRunner(transport, async (runner) => {
    const steps = [look('a'), { say: 'A text of several deltas, which the reader puts together again.' }];
    const result = await runner.run(agent(), go(...steps), { stream: true });
    let text = '';
    const names = [];
    for await (const event of result) {
      if (event.type === 'run_item_stream_event') names.push(event.name);
      if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') text += event.data.delta;
    }
    await result.completed;
    assert.equal(text, steps[1].say);
    assert.equal(result.finalOutput, steps[1].say);
    assert.deepEqual(names, ['tool_called', 'tool_output', 'message_output_created']);
    const turns = turnsOf(transport);
    assert.equal(turns.length, 2);
    turns.forEach(({ events }) => assertStream(events));
  }));

  test(`Agents_${transport}_HistorySentBack_GoesOn`, () => withRunner(transport, async (runner) => {
    const steps = [{ think: 'First.', then: look('a') }, { say: 'one' }, { say: 'two' }];
    const first = await runner.run(agent(), go(...steps));
    const second = await runner.run(agent(), [...first.history, { role: 'user', content: 'On.' }]);
    assert.equal(second.finalOutput, 'two');
    const last = turnsOf(transport).at(-1).create;
    assert.equal(last.previous_response_id, undefined);
    assert.deepEqual(last.input.map((item) => item.type ?? item.role),
      ['user', 'reasoning', 'function_call', 'function_call_output', 'message', 'user']);
  }));

  test(`Agents_${transport}_OutputType_IsParsed`, () => withRunner(transport, async (runner) => {
    const outputType = z.object({ city: z.string(), population: z.number() });
    const say = JSON.stringify({ city: 'Ulm', population: 128_000 });
    const result = await runner.run(agent({ outputType, tools: [] }), go({ say }));
    assert.deepEqual(result.finalOutput, JSON.parse(say));
    const [{ create }] = turnsOf(transport);
    assert.equal(create.text.format.type, 'json_schema');
  }));

  test(`Agents_${transport}_Failure_IsThrownAndTheNextRunIsFine`, () => withRunner(transport, async (runner) => {
    const refusal = (pattern) => (transport === 'WebSocket' ? /terminal state "error"/ : pattern);
    await assert.rejects(runner.run(agent({ model: 'no-such-model' }), 'Hello'), refusal(/no-such-model/));
    await assert.rejects(runner.run(agent(), 'On.', { previousResponseId: 'resp_missing' }), refusal(/resp_missing/));
    await assert.rejects(runner.run(agent(), go({ fail: 'rate_limit_exceeded' })), /429|response\.failed/);
    assert.equal((await runner.run(agent(), go({ say: 'fine' }))).finalOutput, 'fine');
  }));
}

test('Agents_WebSocket_RunsAtOnce_ShareOneSocket', () => withRunner('WebSocket', async (runner) => {
  const words = ['one', 'two', 'three'];
  const results = await Promise.all(words.map((say) => runner.run(agent(), go(look(say), { say }))));
  assert.deepEqual(results.map(({ finalOutput }) => finalOutput), words);
  assert.deepEqual(seen.toSorted(), words.toSorted());
  assert.equal(proxy.connections.length, 1);
}));

test('Agents_WebSocket_SocketLostBetweenTurns_ChainGoesOnOnANewOne', () => withRunner('WebSocket', async (runner) => {
  const first = await runner.run(agent(), go({ say: 'one' }, { say: 'two' }));
  await proxy.drop();
  const second = await runner.run(agent(), 'On.', { previousResponseId: first.lastResponseId });
  assert.equal(second.finalOutput, 'two');
  assert.equal(proxy.connections.length, 2);
}));
