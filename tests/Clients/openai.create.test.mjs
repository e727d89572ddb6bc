// The official SDK over HTTP: creates as JSON and as streams, its strict stream helper, background turns, refusals.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { script } from './lib/codex.mjs';
import { Socket, answer, sdk, tool, user } from './lib/responses.mjs';
import { assertResponse } from './lib/schema.mjs';
import { Server } from './lib/server.mjs';
import { assertStream } from './lib/stream.mjs';

const pollMs = 20;
const patienceMs = 60_000;

let server;
let responses;

before(async () => {
  server = await Server.start();
  ({ responses } = sdk(server));
});
after(() => server?.stop());

const scripted = (...steps) => [user(script(steps))];
const create = (fields) => responses.create({ model: 'demo', ...fields });
const bare = ({ output_text: added, ...response }) => response;
const callsOf = (response) => response.output.filter((item) => item.type === 'function_call');

async function streamed(fields) {
  return collect(await create({ ...fields, stream: true }));
}

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** Asks for a response until `holds` of it; bounded. */
async function until(id, holds) {
  for (let waited = 0; waited < patienceMs; waited += pollMs) {
    const response = await responses.retrieve(id);
    if (holds(response)) return response;
    await pause(pollMs);
  }
  throw new Error(`${id} did not get there within ${patienceMs} ms`);
}

const isOver = ({ status }) => !['queued', 'in_progress'].includes(status);

test('Create_Json_IsTheStoredResponse', async () => {
  const { data, response: answered, request_id: requestId } =
    await create({ input: scripted({ say: 'Hello there.' }) }).withResponse();
  assertResponse(bare(data));
  assert.equal(data.status, 'completed');
  assert.equal(data.output_text, 'Hello there.');
  assert.equal(answered.headers.get('content-type').split(';')[0], 'application/json');
  assert.ok(requestId.length > 0);
  assert.equal(data._request_id, requestId);
  assert.deepEqual(bare(await responses.retrieve(data.id)), bare(data));
});

test('Create_StringInputAndParameters_AreTakenAndEchoed', async () => {
  const sent = {
    instructions: 'Be brief.', temperature: 0.5, top_p: 0.25, max_output_tokens: 64, max_tool_calls: 3,
    parallel_tool_calls: false, tool_choice: 'none', tools: [tool('lookup')], metadata: { project: 'evergrain' },
    prompt_cache_key: 'a key', safety_identifier: 'someone', truncation: 'disabled', service_tier: 'default',
    text: { format: { type: 'text' }, verbosity: 'low' }, top_logprobs: 2, store: true, background: false,
  };
  const response = await create({ input: 'Hello', ...sent, include: ['reasoning.encrypted_content'] });
  assertResponse(bare(response));
  for (const member of Object.keys(sent)) assert.deepEqual(response[member], sent[member], member);
});

test('Create_Streamed_IsWholeAndEndsInTheStoredResponse', async () => {
  const events = await streamed({ input: scripted({ think: 'Hm.', then: { bytes: 2_000, chunk_ms: 1 } }) });
  assertStream(events);
  const { response } = events.at(-1);
  assert.deepEqual(bare(await responses.retrieve(response.id)), response);
});

test('StreamHelper_ThoughtsTextAndCalls_PutsTheResponseTogether', async () => {
  const parallel = [{ call: 'lookup', args: { value: 'a' } }, { call: 'lookup', args: { value: 'b' } }];
  const steps = [{ think: 'Two.', then: { parallel } }, { say: 'done' }];
  const first = responses.stream({ model: 'demo', input: scripted(...steps), tools: [tool('lookup')] });
  const deltas = [];
  first.on('response.function_call_arguments.delta', ({ snapshot }) => deltas.push(snapshot));
  const response = await first.finalResponse();
  const calls = callsOf(response);
  assert.deepEqual(calls.map((call) => JSON.parse(call.arguments).value), ['a', 'b']);
  assert.ok(deltas.includes(calls[1].arguments));
  const input = calls.map((call) => answer(call, 'x'));
  const second = await responses.stream({ model: 'demo', input, previous_response_id: response.id }).finalResponse();
  assert.equal(second.output_text, 'done');
  assert.equal((await responses.retrieve(response.id)).output.length, 3);
});

test('Parse_StructuredOutput_IsParsed', async () => {
  const format = zodTextFormat(z.object({ city: z.string() }), 'place');
  const input = scripted({ say: '{"city":"Ulm"}' });
  const response = await responses.parse({ model: 'demo', input, text: { format } });
  assert.deepEqual(response.output_parsed, { city: 'Ulm' });
});

test('Chain_OverBothTransports_IsOne', async () => {
  const steps = ['one', 'two', 'three', 'four'].map((say) => ({ say }));
  const socket = await Socket.open(sdk(server));
  try {
    const first = await create({ input: scripted(...steps) });
    const second = await socket.complete({ input: [user('On.')], previous_response_id: first.id });
    const [third] = (await streamed({ input: [user('On.')], previous_response_id: second.id })).slice(-1);
    const fourth = await socket.complete({ input: [user('On.')], previous_response_id: third.response.id });
    assert.equal(third.response.output[0].content[0].text, 'three');
    assert.equal(fourth.output[0].content[0].text, 'four');
  } finally {
    await socket.close();
  }
});

test('Unstored_Turn_IsGoneWithItsRequest', async () => {
  const response = await create({ input: scripted({ say: 'gone' }), store: false });
  assert.equal(response.output_text, 'gone');
  await assert.rejects(responses.retrieve(response.id), (error) => error.status === 404);
  await assert.rejects(create({ input: [user('On.')], store: false, previous_response_id: response.id }),
    (error) => error.code === 'previous_response_not_found');
});

test('ItemReference_ToAnotherConversation_IsItsItem', async () => {
  const first = await create({ input: scripted({ say: 'one' }, { say: 'two' }) });
  const reference = { type: 'item_reference', id: first.output[0].id };
  const input = [...scripted({ say: 'one' }, { say: 'two' }), reference, user('On.')];
  const next = await create({ input });
  assert.equal(next.output_text, 'two');
  const { data } = await responses.inputItems.list(next.id, { order: 'asc' });
  assert.equal(data[1].content[0].text, 'one');
});

test('Retrieve_Streamed_GoesOnBehindANumber', async () => {
  const events = await streamed({ input: scripted({ say: 'Some text in some deltas, to be read again.' }) });
  const { id } = events.at(-1).response;
  assert.deepEqual(await collect(await responses.retrieve(id, { stream: true })), events);
  for (const after of [0, 3, events.length - 2]) {
    const rest = await collect(await responses.retrieve(id, { stream: true, starting_after: after }));
    assert.deepEqual(rest, events.slice(after + 1));
  }
});

test('Background_Turn_IsPolledUntilItEnds', async () => {
  const started = await create({ input: scripted({ say: 'made meanwhile', delay_ms: 200 }), background: true });
  assertResponse(bare(started));
  assert.ok(!isOver(started), started.status);
  const ended = await until(started.id, isOver);
  assert.equal(ended.output_text, 'made meanwhile');
  assert.equal(ended.background, true);
});

test('Background_Streamed_IsReadOnByAnotherReader', async () => {
  const input = scripted({ say: 'Some text in some deltas, to be read by two.', chunk_ms: 30 });
  const stream = await create({ input, background: true, stream: true });
  const begun = [];
  for await (const event of stream) {
    begun.push(event);
    if (event.type === 'response.output_text.delta') break; // which aborts the request
  }
  const { id } = begun[0].response;
  const last = begun.at(-1).sequence_number;
  const rest = await collect(await responses.retrieve(id, { stream: true, starting_after: last }));
  assertStream([...begun, ...rest]);
  const whole = await responses.stream({ response_id: id, starting_after: 0 }).finalResponse();
  assert.equal(whole.output_text, 'Some text in some deltas, to be read by two.');
});

test('Background_Cancelled_StaysCancelled', async () => {
  const started = await create({ input: scripted({ say: 'never', delay_ms: 60_000 }), background: true });
  const cancelled = await responses.cancel(started.id);
  assert.equal(cancelled.status, 'cancelled');
  assert.equal((await responses.cancel(started.id)).status, 'cancelled', 'a second cancel changes nothing');
  assert.equal((await responses.retrieve(started.id)).status, 'cancelled');
});

test('Cancel_OfAnEndedOrUnknownTurn_ChangesNothing', async () => {
  const ended = await create({ input: scripted({ say: 'done' }) });
  assert.deepEqual(bare(await responses.cancel(ended.id)), bare(ended));
  await assert.rejects(responses.cancel('resp_0000000000000000000001_1'), (error) => error.status === 404);
});

test('Abort_OfAnUnstoredCreate_EndsItsTurn', async () => {
  // If it did not, the server would wait for the turn when it is stopped, and the suite would fail there.
  const input = scripted({ say: 'never', delay_ms: 60_000 });
  const signal = AbortSignal.timeout(200);
  await assert.rejects(responses.create({ model: 'demo', input, store: false }, { signal }), OpenAI.APIUserAbortError);
  assert.equal((await create({ input: scripted({ say: 'well' }) })).output_text, 'well');
});

test('IdempotencyKey_UsedAgain_IsTheSameTurn', async () => {
  const options = { headers: { 'Idempotency-Key': 'a key of the test' } };
  const body = { model: 'demo', input: scripted({ say: 'once' }) };
  const first = await responses.create(body, options);
  const again = await responses.create(body, options);
  assert.deepEqual(bare(again), bare(first));
  const other = { model: 'demo', input: scripted({ say: 'another' }) };
  await assert.rejects(responses.create(other, options), OpenAI.ConflictError);
});

test('Refusal_OfEachKind_HasStatusCodeParamAndRequestId', async () => {
  const parent = 'resp_0000000000000000000001_1';
  const wrong = [
    [{ model: 'no-such-model', input: 'x' }, { code: 'model_not_found', param: 'model' }],
    [{ input: 'x', previous_response_id: parent },
      { code: 'previous_response_not_found', param: 'previous_response_id' }],
    [{ input: [user('fine'), { type: 'message' }] }, { param: /^input\[1\]/ }],
    [{ input: 42 }, { param: 'input' }],
    [{ input: 'x', temperature: 'hot' }, { param: 'temperature' }],
    [{ input: 'x', store: 'yes' }, { param: 'store' }],
    [{ input: 'x', background: true, store: false }, { param: 'background' }],
    [{ input: [answer({ call_id: 'call_nobody' }, 'x')] }, { param: /^input/ }],
  ];
  for (const stream of [false, true]) {
    for (const [fields, expected] of wrong) {
      await assert.rejects(create({ ...fields, stream }), (error) => {
        const told = JSON.stringify([fields, error.status, error.error]);
        assert.ok(error.status === 400 || (error.status === 404 && error.code === 'model_not_found'), told);
        assert.equal(error.type, 'invalid_request_error', told);
        assert.ok(error.requestID.length > 0, told);
        if (expected.code) assert.equal(error.code, expected.code, told);
        if (expected.param instanceof RegExp) assert.match(error.param, expected.param, told);
        else assert.equal(error.param, expected.param, told);
        return true;
      });
    }
  }
});

test('Turn_FailedOrCut_EndsAsItShould', async () => {
  const failed = await streamed({ input: scripted({ fail: 'server_error', after_events: 4 }) });
  assertStream(failed);
  assert.equal(failed.at(-1).type, 'response.failed');
  const cut = await create({ input: scripted({ stop: 'content_filter' }) });
  assert.deepEqual([cut.status, cut.incomplete_details], ['incomplete', { reason: 'content_filter' }]);
});
