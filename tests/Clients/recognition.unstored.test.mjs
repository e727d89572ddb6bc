// Clients whose unstored creates bring their whole history, against a server that recognises all histories.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, isStepCount, tool as vercelTool } from 'ai';
import { z } from 'zod';
import { Codex, codexMissing, script } from './lib/codex.mjs';
import { appendLine, assertEndedWith, loopCalls, wholeFile } from './lib/codex-loops.mjs';
import { RecordingProxy } from './lib/proxy.mjs';
import { answer, sdk, tool as plainTool, user } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

const limits = { timeout: 300_000, skip: codexMissing };
const keys = ['a', 'b', 'c', 'd', 'e'];
const look = (key) => ({ call: 'lookup', args: { key } });
const marker = 'unstored-marker';
const prompt = `Go, ${marker}.\n${script([...keys.map(look), { say: 'all done' }])}`;
const turns = keys.length + 1;

let server;
before(async () => {
  server = await Server.start({ models: ['demo'], settings: { Recognition: 'all' } });
  // A counter is there once it has counted.
  await sdk(server).responses.create({ model: 'demo', input: 'Hello' });
});
after(() => server?.stop());

const conversationsOf = (ids) => new Set(ids.map((id) => id.replace(/^(resp_|chatcmpl-)/, '').split('_')[0]));

/** Runs a loop: each item is worked on once, those that came and those that the model made. */
async function assertNewItemsOnly(run) {
  const before = await server.counters();
  const ids = await run();
  const now = await server.counters();
  assert.equal(ids.length, turns);
  assert.equal(conversationsOf(ids).size, 1, `one conversation: ${ids}`);
  assert.deepEqual([now.validated - before.validated, now.rendered - before.rendered], [2 * turns, 2 * turns]);
}

test('OpenAI_UnstoredLoop_IsOneConversation', () => assertNewItemsOnly(async () => {
  const [input, ids] = [[user(prompt)], []];
  for (let turn = 0; turn < turns; turn += 1) {
    const response = await sdk(server).responses.create(
      { model: 'demo', input, store: false, tools: [plainTool('lookup')] });
    assert.equal(response.previous_response_id, null);
    ids.push(response.id);
    input.push(...response.output);
    input.push(...response.output.filter(({ type }) => type === 'function_call')
      .map((call) => answer(call, `value of ${call.arguments}`)));
  }
  return ids;
}));

test('LangChain_ChatByDefault_LoopIsOneConversation', () => assertNewItemsOnly(async () => {
  const model = new ChatOpenAI({
    model: 'demo', apiKey: 'sk-none', configuration: { baseURL: server.baseUrl }, maxRetries: 0,
  }).bindTools([{ type: 'function', function: { name: 'lookup', parameters: { type: 'object', properties: {} } } }]);
  const [messages, ids] = [[new HumanMessage(`For LangChain. ${prompt}`)], []];
  for (let step = 0; step < turns; step += 1) {
    const said = await model.invoke(messages);
    ids.push(said.id);
    messages.push(said);
    messages.push(...said.tool_calls.map((call) => (
      new ToolMessage({ tool_call_id: call.id, content: `value of ${call.args.key}` }))));
  }
  assert.equal(messages.at(-1).content, 'all done');
  return ids;
}));

for (const api of ['chat', 'responses']) {
  test(`AiSdk_${api}_UnstoredLoopIsOneConversation`, () => assertNewItemsOnly(async () => {
    const result = await generateText({
      model: createOpenAI({ baseURL: server.baseUrl, apiKey: 'sk-none' })[api]('demo'),
      prompt: `For the AI SDK, ${api}. ${prompt}`, maxRetries: 0, stopWhen: isStepCount(turns),
      providerOptions: { openai: { store: false } },
      tools: {
        lookup: vercelTool({
          description: 'Looks a key up.', inputSchema: z.object({ key: z.string() }),
          execute: async ({ key }) => `value of ${key}`,
        }),
      },
    });
    assert.equal(result.text, 'all done');
    return result.steps.map(({ response }) => response.id);
  }));
}

/** Codex plays a loop of shell calls; gives what passed, and how many items its server worked on. */
async function playCodex(provider, onCommand = () => {}) {
  const proxy = await RecordingProxy.start(server);
  const codex = await Codex.create(proxy.baseUrl, 'demo', 'sk-none', provider);
  const before = await server.counters();
  try {
    const steps = Array.from({ length: loopCalls }, (_, index) => ({ shell: appendLine(index + 1), delay_ms: 20 }));
    let commands = 0;
    const run = await codex.exec(`Do it, ${marker}.\n${script([...steps, { say: 'all done' }])}`, {
      timeoutMs: 240_000,
      onEvent: (event) => {
        if (event.type !== 'item.completed' || event.item.type !== 'command_execution') return;
        commands += 1;
        onCommand(commands, proxy);
      },
    });
    assertEndedWith(run, 'all done');
    assert.equal(await readFile(join(codex.work, 'lines.txt'), 'utf8'), wholeFile(loopCalls));
    return { proxy, validated: (await server.counters()).validated - before.validated };
  } finally {
    await codex.remove();
    await proxy.stop();
  }
}

test('Codex_OverHttp_SendsItsHistoryAndPaysForNewItems', limits, async () => {
  const { proxy, validated } = await playCodex({ supports_websockets: false });
  assert.equal(proxy.connections.length, 0);
  const bodies = proxy.requests.map(({ body }) => body);
  assert.ok(bodies.every(({ store, previous_response_id: parent }) => store === false && parent === undefined));
  assert.equal(bodies.length, loopCalls + 1);
  // The last request has all that came before it; the last word of the model comes behind it.
  assert.equal(validated, bodies.at(-1).input.length + 1);
});

test('Codex_ReconnectedInItsLoop_PaysForNewItems', limits, async () => {
  let dropping = null;
  const { proxy, validated } = await playCodex({}, (commands, between) => {
    if (commands === 7) dropping = between.drop();
  });
  await dropping;
  assert.ok(proxy.connections.length > 1, 'it came back');
  const all = proxy.turns();
  const resent = all.find(({ connection, create }) => connection > 0 && create.input.length > 7);
  assert.equal(resent.create.previous_response_id, undefined, 'with its whole history');
  // What a cut turn had made may be made again: a call and its output at most.
  const items = resent.create.input.length + all.slice(all.indexOf(resent)).reduce((sum, { create, last }) => (
    sum + (create === resent.create ? 0 : create.input.length) + (last?.response?.output?.length ?? 0)), 0);
  assert.ok(validated <= items + 2, `${validated} of ${items} items were validated`);
});

test('Content_OfUnstoredLoops_IsInNoFileAndNoLog', async () => {
  const files = await readdir(server.data, { recursive: true, withFileTypes: true });
  const held = await Promise.all(files.filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath ?? file.path, file.name), 'latin1')));
  assert.ok(held.length > 0);
  assert.ok(held.every((text) => !text.includes(marker)));
  assert.ok(!server.log.includes(marker));
});
