// Evergrain before llama.cpp's own server. What its model says means nothing here, so that any GGUF will do: wire,
// grammar, template and prefix cache are real.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LlamaServer, llamaMissing } from './lib/llama.mjs';
import { Socket, answer, sdk, user } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

const limits = { timeout: 900_000, skip: llamaMissing };
const growingTurns = 20;
const loopCalls = 5;
const lanes = 8;
const turnsOfLane = 25;

let llama;
let server;

before(async () => {
  if (llamaMissing) return;
  llama = await LlamaServer.start();
  server = await Server.start({ modelUrl: `${llama.origin}/v1`, modelApi: 'chat' });
});
after(async () => {
  await server?.stop();
  await llama?.stop();
});

async function withSocket(body) {
  const socket = await Socket.open(sdk(server));
  try {
    await body(socket);
  } finally {
    await socket.close();
  }
}

/** A turn that may be cut by its own bound: a model that means nothing seldom ends by itself. */
async function turn(socket, fields) {
  const { response, error } = await socket.create({ model: 'any', max_output_tokens: 16, ...fields });
  const ended = response?.status === 'completed' || response?.incomplete_details?.reason === 'max_output_tokens';
  assert.ok(ended, JSON.stringify(error ?? response));
  return response;
}

test('Llama_AtStart_IsKnownForWhatItIs', limits, () => {
  assert.match(server.log, /is spoken to as llama\.cpp/);
});

test('Llama_ToolLoop_CallsAndIsAnswered', limits, () => withSocket(async (socket) => {
  const parameters = { type: 'object', properties: { n: { enum: [1, 2, 3] } }, required: ['n'],
    additionalProperties: false };
  const tools = [{ type: 'function', name: 'pick', description: 'Picks a number.', parameters, strict: false }];
  const fields = { tools, max_output_tokens: 200 };
  let last = await turn(socket, { ...fields, tool_choice: 'required', input: [user('Pick a number.')] });
  for (let call = 1; call <= loopCalls; call += 1) {
    const calls = last.output.filter(({ type }) => type === 'function_call');
    assert.ok(calls.length > 0, JSON.stringify(last));
    calls.forEach(({ name, arguments: text }) => {
      assert.equal(name, 'pick');
      assert.ok([1, 2, 3].includes(JSON.parse(text).n), text);
    });
    const input = calls.map((one) => answer(one, `picked 😀 ${call}`));
    const choice = call < loopCalls ? 'required' : 'none';
    last = await turn(socket, { ...fields, tool_choice: choice, previous_response_id: last.id, input });
  }
}));

test('Llama_GrowingHistory_IsReadFromItsCache', limits, () => withSocket(async (socket) => {
  const words = 'The prefix of a growing conversation stays the same. '.repeat(4);
  const read = [];
  let previous;
  for (let number = 1; number <= growingTurns; number += 1) {
    const response = await turn(socket, { previous_response_id: previous, input: [user(`${number}. ${words}`)] });
    previous = response.id;
    const { input_tokens: input, input_tokens_details: { cached_tokens: cached } } = response.usage;
    read.push({ input, cached, fresh: input - cached });
  }
  const told = JSON.stringify(read);
  read.slice(2).forEach(({ cached }, index) => assert.ok(cached > read[index + 1].cached, told));
  // A turn reads its own message and the answer before it, not the history.
  const freshMax = 3 * read[0].input + 100;
  read.slice(1).forEach(({ fresh }) => assert.ok(fresh < freshMax, told));
}));

test('Llama_ThatClosesAfterEachAnswer_CostsNoTurn', limits, async () => {
  await Promise.all(Array.from({ length: lanes }, (_, lane) => withSocket(async (socket) => {
    let previous;
    for (let number = 0; number < turnsOfLane; number += 1) {
      const input = [user(`Lane ${lane}, turn ${number}.`)];
      previous = (await turn(socket, { previous_response_id: previous, input })).id;
    }
  })));
  assert.doesNotMatch(server.log, /^(warn: Evergrain\.Providers\.Servers|fail:|crit:)/m);
});
