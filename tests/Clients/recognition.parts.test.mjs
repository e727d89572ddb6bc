// Clients that send their history again in part: by the ids of its items, or without reasoning.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, isStepCount, streamText, tool as vercelTool } from 'ai';
import { z } from 'zod';
import { script } from './lib/codex.mjs';
import { answer, sdk, tool as plainTool, user } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const look = (key) => ({ call: 'lookup', args: { key } });
// Every other step thinks: the steps between have nothing that is sent by its id.
const steps = [...keys.map((key, i) => (i % 2 ? look(key) : { think: `About ${key}.`, then: look(key) })),
  { think: 'Done.', then: { say: 'all done' } }];
const prompt = `Go.\n${script(steps)}`;
const turns = steps.length;
const thoughts = steps.filter(({ think }) => think).length;

let server;
before(async () => {
  server = await Server.start({ settings: { Recognition: 'stored' } });
  // A counter is there once it has counted.
  await sdk(server).responses.create({ model: 'demo', input: 'Hello' });
});
after(() => server?.stop());

const conversationsOf = (ids) => new Set(ids.map((id) => id.split('_')[1]));

/** A metric, its series added up. */
async function metric(name) {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  const series = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))];
  assert.ok(series.length > 0, `${name} is counted`);
  return series.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** What a loop added to a metric. */
async function added(name, run) {
  const before = await metric(name);
  await run();
  return await metric(name) - before;
}

const validatedBy = (run) => added('evergrain_items_validated_total', run);

for (const streamed of [false, true]) {
  test(`Vercel_OpenAI_LoopByDefault${streamed ? '_Streamed' : ''}_IsOneConversation`, async () => {
    const sent = [];
    const recording = (url, options) => {
      sent.push(JSON.parse(options.body));
      return fetch(url, options);
    };
    const openai = createOpenAI({ baseURL: server.baseUrl, apiKey: 'sk-none', fetch: recording });
    const lookup = vercelTool({
      description: 'Looks a key up.', inputSchema: z.object({ key: z.string() }),
      execute: async ({ key }) => `value of ${key}`,
    });
    let ids;
    const validated = await validatedBy(async () => {
      const options = {
        model: openai.responses('demo'), prompt: `Streamed: ${streamed}. ${prompt}`, tools: { lookup },
        stopWhen: isStepCount(turns), maxRetries: 0,
      };
      const result = streamed ? streamText(options) : await generateText(options);
      assert.equal(await result.text, 'all done');
      ids = (await result.steps).map(({ response }) => response.id);
    });
    assert.equal(ids.length, turns);
    assert.equal(conversationsOf(ids).size, 1, `one conversation: ${ids}`);
    assert.equal(validated, turns + turns + thoughts, 'each item once, those that came and those that were made');
    const { input, previous_response_id: previous } = sent.at(-1);
    assert.equal(previous, undefined);
    assert.ok(input.some(({ type }) => type === 'item_reference'), 'it names items');
    assert.ok(input.some(({ type }) => type === 'function_call'), 'and sends others whole');
    const last = await sdk(server).responses.retrieve(ids.at(-1));
    assert.equal(last.evergrain.items_new, 1);
    const listed = await sdk(server).responses.inputItems.list(last.id, { limit: 100 });
    assert.equal(listed.data.length, input.length);
    assert.ok(listed.data.every(({ type }) => type !== 'item_reference'));
  });
}

test('OpenAI_LoopWithoutReasoning_IsOneConversation_AndNoStepCostsMoreForTheHistory', async () => {
  const input = [user(`Without reasoning. ${prompt}`)];
  const [ids, costs] = [[], []];
  for (let turn = 0; turn < turns; turn += 1) {
    const response = await sdk(server).responses.create({ model: 'demo', input, tools: [plainTool('lookup')] });
    ids.push(response.id);
    costs.push(response.evergrain.items_new ?? 1);
    const kept = response.output.filter(({ type }) => type !== 'reasoning');
    input.push(...kept, ...kept.filter(({ type }) => type === 'function_call')
      .map((call) => answer(call, `value of ${call.arguments}`)));
  }
  assert.equal(conversationsOf(ids).size, 1, `one conversation: ${ids}`);
  // Behind a step that thought its call comes again.
  assert.deepEqual(costs, [1, 2, 1, 2, 1, 2, 1]);
});

// Its history and the same loop by id: what both journal is about the same.
test('LangChain_LoopOf20Steps_JournalsAsMuchAsById', async () => {
  const many = Array.from({ length: 20 }, (_, i) => look(`key ${i}`));
  const lookup = {
    type: 'function',
    function: { name: 'lookup', description: 'Looks a key up.',
      parameters: { type: 'object', properties: { key: { type: 'string' } }, required: ['key'] } },
  };
  const model = new ChatOpenAI({
    model: 'demo', apiKey: 'sk-none', configuration: { baseURL: server.baseUrl }, maxRetries: 0, useResponsesApi: true,
  }).bindTools([lookup]);
  const run = async (name, isById) => {
    const history = [new HumanMessage(`${name}. Go.\n${script([...many, { say: 'all done' }])}`)];
    const ids = [];
    for (let step = 0; step <= many.length; step += 1) {
      const from = isById && step > 0 ? 1 + history.findLastIndex((message) => message.getType() === 'ai') : 0;
      const options = from > 0 ? { previous_response_id: ids.at(-1) } : {};
      const said = await model.invoke(history.slice(from), options);
      ids.push(said.response_metadata.id);
      history.push(said, ...said.tool_calls.map((call) => new ToolMessage({
        tool_call_id: call.id, content: `value of ${call.args.key}: ${'x'.repeat(2000)}`,
      })));
    }
    assert.equal(history.at(-1).text, 'all done');
    assert.equal(conversationsOf(ids).size, 1, `one conversation: ${ids}`);
  };
  const byId = await added('evergrain_bytes_journaled_total', () => run('By id..', true));
  const again = await added('evergrain_bytes_journaled_total', () => run('In full', false));
  assert.ok(again <= byId * 1.1, `${again} bytes journaled, ${byId} by id`);
});
