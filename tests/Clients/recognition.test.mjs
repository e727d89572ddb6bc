// Clients that send their whole history with each create, against a server that recognises histories.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from '@openai/agents';
import { createOpenResponses } from '@ai-sdk/open-responses';
import { generateText, isStepCount, tool as vercelTool } from 'ai';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { script } from './lib/codex.mjs';
import { answer, sdk, tool as plainTool, user } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

setTracingDisabled(true);
// Node 20's own WebSocket takes no headers, which the SDK needs to pass.
globalThis.WebSocket = WebSocket;

const look = (key) => ({ call: 'lookup', args: { key } });
const keys = ['a', 'b', 'c', 'd', 'e'];
const prompt = `Go.\n${script([...keys.map(look), { think: 'Hm.', then: look('f') }, { say: 'all done' }])}`;
const turns = keys.length + 2;
// One item for each turn, and the reasoning.
const made = turns + 1;

let server;
before(async () => {
  server = await Server.start({ settings: { Recognition: 'stored' } });
  // A counter is there once it has counted.
  await sdk(server).responses.create({ model: 'demo', input: 'Hello' });
});
after(() => server?.stop());

const conversationsOf = (ids) => new Set(ids.map((id) => id.split('_')[1]));

/** Runs a loop, and counts the items that were validated for it. */
async function validatedBy(run) {
  const before = (await server.counters()).validated;
  await run();
  return (await server.counters()).validated - before;
}

/** The last response of a loop: its conversation has the whole history, and it came with one new item. */
async function assertRecognised(ids) {
  assert.equal(ids.length, turns);
  assert.equal(conversationsOf(ids).size, 1, `one conversation: ${ids}`);
  const last = await sdk(server).responses.retrieve(ids.at(-1));
  assert.equal(last.previous_response_id, null);
  assert.equal(last.evergrain.items_new, 1);
  const input = await sdk(server).responses.inputItems.list(last.id, { limit: 100, order: 'asc' });
  assert.equal(input.data.length, last.evergrain.items_known + last.evergrain.items_new);
  assert.equal(input.data[0].role, 'user');
}

for (const transport of ['HTTP', 'WebSocket']) {
  test(`Agents_${transport}_LoopByDefault_IsOneConversation`, async () => {
    const provider = new OpenAIProvider({
      openAIClient: sdk(server), useResponsesWebSocket: transport === 'WebSocket',
    });
    const lookup = tool({
      name: 'lookup', description: 'Looks a key up.', parameters: z.object({ key: z.string() }),
      execute: async ({ key }) => `value of ${key}`,
    });
    const agent = new Agent({ name: 'Tester', model: 'demo', instructions: 'Follow the script.', tools: [lookup] });
    let ids;
    const validated = await validatedBy(async () => {
      const result = await new Runner({ modelProvider: provider }).run(agent, prompt);
      assert.equal(result.finalOutput, 'all done');
      ids = result.rawResponses.map(({ responseId }) => responseId);
    });
    await provider.close();
    await assertRecognised(ids);
    assert.equal(validated, turns + made, 'each item once, those that came and those that the model made');
  });
}

test('Vercel_OpenResponses_Loop_IsOneConversation', async () => {
  const url = `${server.baseUrl}/responses`;
  const model = createOpenResponses({ name: 'evergrain', url, apiKey: 'sk-none' })('demo');
  const lookup = vercelTool({
    description: 'Looks a key up.', inputSchema: z.object({ key: z.string() }),
    execute: async ({ key }) => `value of ${key}`,
  });
  const result = await generateText({
    model, prompt: `For Vercel. ${prompt}`, tools: { lookup }, stopWhen: isStepCount(turns), maxRetries: 0,
  });
  assert.equal(result.text, 'all done');
  await assertRecognised(result.steps.map(({ response }) => response.id));
});

test('OpenAI_LoopWithOutputSentBackWhole_IsOneConversation', async () => {
  const input = [user(`For OpenAI. ${prompt}`)];
  const ids = [];
  for (let turn = 0; turn < turns; turn++) {
    const response = await sdk(server).responses.create({ model: 'demo', input, tools: [plainTool('lookup')] });
    ids.push(response.id);
    input.push(...response.output);
    input.push(...response.output.filter(({ type }) => type === 'function_call')
      .map((call) => answer(call, `value of ${call.arguments}`)));
  }
  await assertRecognised(ids);
});

test('Resend_AtOnceAfterARestart_GoesOn', async () => {
  const input = [user('For a restart.')];
  const ids = [];
  // A busy machine may take longer than a second for the first answer of a process; hardly three times.
  for (let start = 0; start < 4; start++) {
    if (start > 0) await server.restart();
    const response = await sdk(server).responses.create({ model: 'demo', input });
    ids.push(response.id);
    input.push(...response.output, user(`After start ${start}.`));
  }
  assert.ok(conversationsOf(ids).size < ids.length, `some go on: ${ids}`);
});
