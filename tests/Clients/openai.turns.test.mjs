// The official SDK over `ResponsesWS`: turns, loops, chains, forks, cancelling. Every event is checked as it comes.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { script } from './lib/codex.mjs';
import { Socket, answer, sdk, tool, user } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

let server;
let client;
let socket;

before(async () => {
  server = await Server.start();
  client = sdk(server);
});
after(() => server?.stop());
beforeEach(async () => { socket = await Socket.open(client); });
afterEach(() => socket?.close());

const scripted = (...steps) => [user(script(steps))];
const textOf = (response) => response.output.at(-1).content.map((part) => part.text).join('');
const callsOf = (response) => response.output.filter((item) => item.type === 'function_call');

test('Turn_Simple_CompletesWithTextAndUsage', async () => {
  const { response, events, type } = await socket.create({ input: scripted({ say: 'Hello there.' }) });
  assert.equal(type, 'response.completed');
  assert.equal(textOf(response), 'Hello there.');
  assert.ok(response.usage.total_tokens > 0);
  assert.match(response.id, /^resp_[0-9A-Za-z]{22}_1x[0-9A-Za-z]{4}$/);
  assert.match(response.evergrain.digest, /^[0-9a-f]{64}$/);
  assert.equal(events[0].response.id, response.id);
  assert.equal(events[0].response.evergrain, undefined);
});

test('Turn_WithoutScript_SaysSomething', async () => {
  const response = await socket.complete({ input: 'Hello' });
  assert.ok(textOf(response).length > 0);
});

test('Turn_ManyDeltas_AreNumberedFromZeroAndAddUp', async () => {
  const { response, events } = await socket.create({ input: scripted({ bytes: 5_000, chunk_ms: 1 }) });
  const deltas = events.filter((event) => event.type === 'response.output_text.delta');
  assert.ok(deltas.length > 1, `${deltas.length} deltas`);
  assert.equal(Buffer.byteLength(textOf(response)), 5_000);
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
});

test('Turn_ParametersGiven_AreEchoed', async () => {
  const sent = {
    instructions: 'Be brief.', temperature: 0.5, top_p: 0.25, max_output_tokens: 64, parallel_tool_calls: false,
    tool_choice: 'auto', tools: [tool('lookup')], metadata: { project: 'evergrain' }, prompt_cache_key: 'a key',
    truncation: 'disabled', reasoning: { effort: 'low' }, text: { format: { type: 'text' }, verbosity: 'low' },
  };
  const response = await socket.complete({ input: scripted({ say: 'ok' }), ...sent });
  for (const member of Object.keys(sent).filter((name) => !['reasoning', 'tools'].includes(name))) {
    assert.deepEqual(response[member], sent[member], member);
  }
  assert.equal(response.reasoning.effort, 'low');
  assert.deepEqual(response.tools, sent.tools);
  const next = await socket.complete({ input: [user('On.')], previous_response_id: response.id });
  assert.equal(next.instructions, null, 'instructions are not inherited');
  assert.equal(next.temperature, 1, 'nor is any other parameter');
  assert.deepEqual(next.tools, []);
});

test('Turn_FieldsOfOtherTransports_AreIgnored', async () => {
  const fields = { stream: true, stream_options: { include_obfuscation: false }, client_metadata: { a: 'b' } };
  const response = await socket.complete({ input: scripted({ say: 'ok' }), ...fields, a_field_of_tomorrow: [1] });
  assert.equal(textOf(response), 'ok');
  socket.send({ type: 'response.processed', response_id: response.id });
  await socket.assertSilent();
});

test('Turn_UnusualText_ComesBackAsItWas', async () => {
  const text = 'tab\t nul\u0000 esc\u001b[31m "quote" \\ back\u2028line\u2029 '
    + '\u00e9 e\u0301 \u{1F469}\u200D\u{1F469} \uFFFD\uFEFF';
  const response = await socket.complete({ input: scripted({ say: text }) });
  assert.equal(textOf(response), text);
  const empty = await socket.complete({ input: [], previous_response_id: response.id });
  assert.equal(empty.previous_response_id, response.id);
});

test('Chain_OfTurns_ContinuesByIdWithNewItemsOnly', async () => {
  const steps = ['one', 'two', 'three'].map((say) => ({ say }));
  let last = await socket.complete({ input: scripted(...steps) });
  assert.equal(textOf(last), 'one');
  for (const expected of ['two', 'three', 'script finished']) {
    const next = await socket.complete({ input: [user('Go on.')], previous_response_id: last.id });
    assert.equal(textOf(next), expected);
    assert.equal(next.previous_response_id, last.id);
    assert.ok(next.usage.input_tokens > last.usage.input_tokens, 'the context grows');
    last = next;
  }
});

test('Chain_Unstored_ContinuesOnItsOwnSocketOnly', async () => {
  const first = await socket.complete({ input: scripted({ say: 'one' }, { say: 'two' }), store: false });
  assert.equal(first.store, false);
  const fields = { input: [user('Go on.')], store: false, previous_response_id: first.id };
  const second = await socket.complete(fields);
  assert.equal(textOf(second), 'two');
  const other = await Socket.open(client);
  try {
    const refused = await other.create({ ...fields, previous_response_id: second.id });
    assert.equal(refused.error.code, 'previous_response_not_found');
    assert.equal(textOf(await other.complete({ input: scripted({ say: 'still here' }), store: false })), 'still here');
  } finally {
    await other.close();
  }
});

test('Chain_Stored_ContinuesOnANewSocketWithEqualContext', async () => {
  const steps = scripted({ say: 'one' }, { say: 'two' });
  const first = await socket.complete({ input: steps });
  const here = await socket.complete({ input: [user('Go on.')], previous_response_id: first.id });
  const other = await Socket.open(client);
  try {
    const there = await other.complete({ input: [user('Go on.')], previous_response_id: first.id });
    assert.equal(textOf(there), 'two');
    assert.notEqual(there.id, here.id);
    assert.equal(there.evergrain.digest, here.evergrain.digest);
  } finally {
    await other.close();
  }
});

test('WarmUp_WithoutGenerating_GivesAnIdToChainFrom', async () => {
  for (const store of [true, false]) {
    const warm = await socket.complete({ input: scripted({ say: 'warm' }), generate: false, store });
    assert.deepEqual(warm.output, []);
    const next = await socket.complete({ input: [user('Now.')], previous_response_id: warm.id, store });
    assert.equal(textOf(next), 'warm');
  }
});

test('Loop_OfFunctionCalls_RunsToItsEnd', async () => {
  const steps = [1, 2, 3, 4, 5].map((value) => ({ call: 'lookup', args: { value: `${value}` } }));
  const tools = [tool('lookup')];
  let response = await socket.complete({ input: scripted(...steps, { say: 'done' }), tools, store: false });
  const seen = new Set();
  for (const { args } of steps) {
    const [call] = callsOf(response);
    assert.equal(call.name, 'lookup');
    assert.deepEqual(JSON.parse(call.arguments), args);
    seen.add(call.call_id);
    const fields = { tools, store: false, previous_response_id: response.id };
    response = await socket.complete({ ...fields, input: [answer(call, `value ${args.value}`)] });
  }
  assert.equal(textOf(response), 'done');
  assert.equal(seen.size, steps.length, 'each call has an id of its own');
});

test('Calls_Parallel_AreAnsweredTogetherInAnyOrder', async () => {
  const parallel = ['a', 'b', 'c'].map((name) => ({ call: name, args: { value: name } }));
  const tools = ['a', 'b', 'c'].map(tool);
  const first = await socket.complete({ input: scripted({ parallel }, { say: 'all three' }), tools });
  const calls = callsOf(first);
  assert.deepEqual(calls.map((call) => call.name), ['a', 'b', 'c']);
  const input = calls.toReversed().map((call) => answer(call, call.name));
  assert.equal(textOf(await socket.complete({ input, tools, previous_response_id: first.id })), 'all three');
});

test('Call_Custom_StreamsItsInput', async () => {
  const tools = [{ type: 'custom', name: 'patch', description: 'Takes any text.', format: { type: 'text' } }];
  const steps = scripted({ custom: 'patch', input: '*** "x"\n' }, { say: 'ok' });
  const first = await socket.complete({ input: steps, tools });
  const [call] = first.output;
  assert.deepEqual([call.type, call.name, call.input], ['custom_tool_call', 'patch', '*** "x"\n']);
  const input = [{ type: 'custom_tool_call_output', call_id: call.call_id, output: 'applied' }];
  assert.equal(textOf(await socket.complete({ input, tools, previous_response_id: first.id })), 'ok');
});

test('Reasoning_ComesAsItsOwnItemBeforeTheAnswer', async () => {
  const { response } = await socket.create({ input: scripted({ think: 'Because.', then: { say: 'So.' } }) });
  const [reasoning, message] = response.output;
  assert.deepEqual([reasoning.type, message.type], ['reasoning', 'message']);
  const thought = [...reasoning.summary, ...(reasoning.content ?? [])].map((part) => part.text);
  assert.deepEqual(thought, ['Because.']);
  const next = await socket.complete({ input: [user('And?')], previous_response_id: response.id });
  assert.equal(textOf(next), 'script finished');
});

test('Fork_TwoTurnsOfOneParent_DoNotSeeEachOther', async () => {
  const steps = scripted({ say: 'root' }, { say: 'second' }, { say: 'third' });
  const root = await socket.complete({ input: steps });
  const left = await socket.complete({ input: [user('Left.')], previous_response_id: root.id });
  const right = await socket.complete({ input: [user('Right.')], previous_response_id: root.id });
  assert.deepEqual([textOf(left), textOf(right)], ['second', 'second']);
  assert.notEqual(left.evergrain.digest, right.evergrain.digest);
  const further = await socket.complete({ input: [user('On.')], previous_response_id: left.id });
  assert.equal(textOf(further), 'third');
  const again = await socket.complete({ input: [user('Left.')], previous_response_id: root.id });
  assert.equal(again.evergrain.digest, left.evergrain.digest, 'the same items give the same context');
});

test('Creates_SentAtOnce_AreAnsweredInOrder', async () => {
  for (const say of ['first', 'second', 'third']) {
    socket.send({ type: 'response.create', model: 'demo', input: scripted({ say, delay_ms: 20 }) });
  }
  for (const expected of ['first', 'second', 'third']) {
    assert.equal(textOf((await socket.result()).response), expected);
  }
});

test('Cancel_BeforeTheFirstToken_EndsTheTurnAsCancelled', async () => {
  const input = scripted({ say: 'never', delay_ms: 60_000 });
  socket.send({ type: 'response.create', model: 'demo', input });
  const started = [await socket.next(), await socket.next()];
  assert.equal(started[1].type, 'response.in_progress');
  socket.send({ type: 'response.cancel' });
  const { response, type } = await socket.result(started);
  assert.equal(type, 'response.incomplete');
  assert.equal(response.status, 'cancelled');
  assert.equal(response.incomplete_details, null);
  assert.deepEqual(response.output, []);
  const next = await socket.complete({ input: scripted({ say: 'on' }), previous_response_id: response.id });
  assert.equal(textOf(next), 'on', 'a cancelled turn can be continued');
});

test('Cancel_MidStream_EndsTheTurnAndTheSocketGoesOn', async () => {
  socket.send({ type: 'response.create', model: 'demo', input: scripted({ bytes: 200_000, chunk_ms: 50 }) });
  const started = [];
  do started.push(await socket.next()); while (started.at(-1).type !== 'response.output_text.delta');
  socket.send({ type: 'response.cancel', response_id: started[0].response.id });
  const { response } = await socket.result(started);
  assert.equal(response.status, 'cancelled');
  assert.equal(textOf(await socket.complete({ input: scripted({ say: 'on' }) })), 'on');
  socket.send({ type: 'response.cancel' });
  await socket.assertSilent();
});

test('Turn_FailedByTheModel_EndsOnceAndCanBeContinued', async () => {
  const failed = await socket.create({ input: scripted({ fail: 'rate_limit_exceeded', after_events: 0 }) });
  assert.equal(failed.type, 'response.failed');
  assert.equal(failed.response.error.code, 'rate_limit_exceeded');
  await socket.assertSilent();
  const fields = { input: scripted({ say: 'better' }), previous_response_id: failed.response.id };
  assert.equal(textOf(await socket.complete(fields)), 'better');
});

test('Turn_CutByTheModel_IsIncompleteWithAReason', async () => {
  const cut = await socket.create({ input: scripted({ stop: 'max_output_tokens' }) });
  assert.equal(cut.type, 'response.incomplete');
  assert.deepEqual(cut.response.incomplete_details, { reason: 'max_output_tokens' });
  assert.equal(cut.response.status, 'incomplete');
});
