// Codex before a server, a recording proxy between them: how they are set up, the loops they play, what must then hold.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Codex, script } from './codex.mjs';
import { RecordingProxy } from './proxy.mjs';
import { Server } from './server.mjs';
import { assertStream } from './stream.mjs';

export const loopCalls = 20;

/**
 * A server, a recording proxy before it and a Codex that knows only the proxy, for as long as `body` runs. `settings`
 * are the server's; without any it answers to `model` itself.
 */
export async function withCodex(body, { model = 'demo', settings = { models: [model] } } = {}) {
  const server = await Server.start(settings);
  const proxy = await RecordingProxy.start(server);
  const codex = await Codex.create(proxy.baseUrl, model);
  try {
    await body({ server, proxy, codex });
  } finally {
    await codex.remove();
    await proxy.stop();
    await server.stop();
  }
}

export const appendLine = (number) => `echo line ${number} >> lines.txt; echo said ${number}`;
export const wholeFile = (count) => Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join('');
export const isModelItem = (item) => /(^|_)call$|^reasoning$/.test(item.type) || item.role === 'assistant';

export function assertEndedWith(run, text) {
  assert.ok(run.completed, run.story);
  assert.equal(run.lastMessage, text, run.story);
}

/** Every turn of a connection after its first continues the one before and brings new items only. */
export function assertIncremental(turns) {
  const sent = new Set();
  const lastId = new Map();
  for (const { connection, create, last } of turns) {
    assert.equal(last?.type, 'response.completed', JSON.stringify(last));
    assert.equal(create.previous_response_id ?? undefined, lastId.get(connection));
    for (const item of create.input) {
      const text = JSON.stringify(item);
      assert.ok(!sent.has(text), `sent twice: ${text}`);
      assert.ok(!isModelItem(item), `sent back to us: ${text}`);
      sent.add(text);
    }
    lastId.set(connection, last.response.id);
  }
}

/** How many items ever existed: those that Codex made, and those that it was told the model had finished. */
export function itemsOfAll(turns) {
  const sent = turns.flatMap(({ create }) => create.input.filter((item) => !isModelItem(item)));
  const made = turns.flatMap(({ events }) => events.filter(({ type }) => type === 'response.output_item.done'));
  return new Set(sent.map((item) => JSON.stringify(item))).size + new Set(made.map(({ item }) => item.id)).size;
}

export function assertStreams(turns) {
  for (const turn of turns) assertStream(turn.events);
}

/** Items that ever existed: those the client sent and those the model made. Each must have been worked on once. */
export async function assertWorkedOnOnce(server, turns) {
  const sizes = turns.map((turn) => turn.create.input.length + turn.last.response.output.length);
  const items = sizes.reduce((sum, size) => sum + size, 0);
  assert.deepEqual(await server.counters(), { validated: items, rendered: items, counted: items });
}

async function assertAllWell({ server, proxy }) {
  const turns = proxy.turns();
  assertIncremental(turns);
  assertStreams(turns);
  await assertWorkedOnOnce(server, turns);
}

/** Twenty shell calls, one a turn, through plain functions. */
export async function playShellLoop({ server, proxy, codex }) {
  const steps = Array.from({ length: loopCalls }, (_, index) => ({ shell: appendLine(index + 1) }));
  const run = await codex.exec(`Do it.\n${script([...steps, { say: 'all done' }])}`);
  assertEndedWith(run, 'all done');
  assert.deepEqual(run.commands.map((command) => command.exit_code), steps.map(() => 0));
  assert.equal(await readFile(join(codex.work, 'lines.txt'), 'utf8'), wholeFile(loopCalls));
  assert.deepEqual(proxy.requests, [], 'it never left WebSocket');
  assert.equal(proxy.connections.length, 1);
  const turns = proxy.turns();
  assert.equal(turns[0].create.generate, false);
  assert.equal(turns.length, 1 + loopCalls + 1, 'a warm-up, one turn a call, and the last word');
  for (const turn of turns.slice(2)) {
    assert.deepEqual(turn.create.input.map((item) => item.type), ['function_call_output']);
  }
  await assertAllWell({ server, proxy });
}

/** Three calls in one turn, with a thought before them. Returns the run. */
export async function playParallelCalls({ server, proxy, codex }) {
  const parallel = ['one', 'two', 'three'].map((word) => ({ shell: `echo ${word}` }));
  const steps = [{ think: 'Three at once.', then: { parallel } }, { say: 'gathered' }];
  const run = await codex.exec(`Do it.\n${script(steps)}`);
  assertEndedWith(run, 'gathered');
  assert.deepEqual(run.commands.map((command) => command.aggregated_output).sort(), ['one\n', 'three\n', 'two\n']);
  const turns = proxy.turns();
  assert.deepEqual(turns[1].last.response.output.map((item) => item.type),
    ['reasoning', 'function_call', 'function_call', 'function_call']);
  assert.equal(turns[2].create.input.length, 3);
  await assertAllWell({ server, proxy });
  return run;
}

/** Shell calls of a model whose tools come as an item and run JavaScript: `gpt-6.1-sol`. */
export async function playCustomExec({ server, proxy, codex }, calls = 3) {
  const steps = Array.from({ length: calls }, (_, index) => ({ shell: appendLine(index + 1) }));
  const run = await codex.exec(`Do it.\n${script([...steps, { say: 'all done' }])}`);
  assertEndedWith(run, 'all done');
  assert.equal(await readFile(join(codex.work, 'lines.txt'), 'utf8'), wholeFile(calls));
  const turns = proxy.turns();
  const items = turns.flatMap((turn) => turn.create.input);
  assert.equal(items.filter((item) => item.type === 'additional_tools').length, 1);
  assert.ok(turns.every((turn) => turn.create.tools === undefined));
  const made = turns.flatMap((turn) => turn.last.response.output).filter((item) => item.call_id);
  assert.deepEqual(made.map((call) => [call.type, call.namespace, call.name]),
    steps.map(() => ['custom_tool_call', 'functions', 'exec']));
  const outputs = items.filter((item) => item.type === 'custom_tool_call_output');
  outputs.forEach((output, index) => assert.match(JSON.stringify(output.output), new RegExp(`said ${index + 1}`)));
  await assertAllWell({ server, proxy });
}
