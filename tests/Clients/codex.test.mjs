// The real Codex CLI, offline, against the built server: long loops, parallel calls, later turns, a killed server.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Codex, codexMissing, script } from './lib/codex.mjs';
import { RecordingProxy } from './lib/proxy.mjs';
import { Server } from './lib/server.mjs';
import { assertStream } from './lib/stream.mjs';

const limits = { timeout: 120_000, skip: codexMissing };
const loopCalls = 20;

if (codexMissing) console.log(`Codex tests are left out: ${codexMissing}`);

/** A server, a recording proxy before it and a Codex that knows only the proxy, for as long as `body` runs. */
async function withCodex(body, model = 'demo') {
  const server = await Server.start({ models: [model] });
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

const appendLine = (number) => `echo line ${number} >> lines.txt; echo said ${number}`;
const wholeFile = (count) => Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join('');
const isModelItem = (item) => /(^|_)call$|^reasoning$/.test(item.type) || item.role === 'assistant';

function assertEndedWith(run, text) {
  assert.ok(run.completed, run.story);
  assert.equal(run.lastMessage, text, run.story);
}

/** Every turn of a connection after its first continues the one before and brings new items only. */
function assertIncremental(turns) {
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

function assertStreams(turns) {
  for (const turn of turns) assertStream(turn.events);
}

/** Items that ever existed: those the client sent and those the model made. Each must have been worked on once. */
async function assertWorkedOnOnce(server, turns) {
  const sizes = turns.map((turn) => turn.create.input.length + turn.last.response.output.length);
  const items = sizes.reduce((sum, size) => sum + size, 0);
  assert.deepEqual(await server.counters(), { validated: items, rendered: items, counted: items });
}

test('Loop_OfTwentyShellCalls_IsIncrementalAndWorksOnEachItemOnce', limits, () => withCodex(
  async ({ server, proxy, codex }) => {
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
    assertIncremental(turns);
    assertStreams(turns);
    await assertWorkedOnOnce(server, turns);
  }));

test('Calls_ParallelWithReasoning_AreAnsweredInOneTurn', limits, () => withCodex(
  async ({ server, proxy, codex }) => {
    const parallel = ['one', 'two', 'three'].map((word) => ({ shell: `echo ${word}` }));
    const steps = [{ think: 'Three at once.', then: { parallel } }, { say: 'gathered' }];
    const run = await codex.exec(`Do it.\n${script(steps)}`);
    assertEndedWith(run, 'gathered');
    assert.deepEqual(run.reasoning, ['Three at once.'], run.story);
    assert.deepEqual(run.commands.map((command) => command.aggregated_output).sort(),
      ['one\n', 'three\n', 'two\n']);
    const turns = proxy.turns();
    assert.deepEqual(turns[1].last.response.output.map((item) => item.type),
      ['reasoning', 'function_call', 'function_call', 'function_call']);
    assert.equal(turns[2].create.input.length, 3);
    assertIncremental(turns);
    assertStreams(turns);
    await assertWorkedOnOnce(server, turns);
  }));

test('Turn_SecondOfTheUserInOneProcess_ContinuesOnTheSameSocket', limits, () => withCodex(
  async ({ server, proxy, codex }) => {
    const prompts = ['first', 'second'].map((word) => (
      `The ${word}.\n${script([{ shell: `echo ${word}` }, { say: `${word} done` }])}`));
    const answers = await codex.converse(prompts);
    assert.deepEqual(answers, ['first done', 'second done'].map((text) => ({ status: 'completed', text })));
    assert.equal(proxy.connections.length, 1);
    const turns = proxy.turns();
    assert.equal(turns.length, 5);
    assertIncremental(turns);
    assertStreams(turns);
    await assertWorkedOnOnce(server, turns);
  }));

test('Turn_SecondOfTheUserInANewProcess_ResumesWithItsHistory', limits, () => withCodex(
  async ({ proxy, codex }) => {
    const first = await codex.exec(`First.\n${script([{ shell: 'echo one' }, { say: 'first done' }])}`);
    assertEndedWith(first, 'first done');
    const before = proxy.turns().length;
    const steps = [{ shell: 'echo two' }, { say: 'second done' }];
    const second = await codex.exec(`Second.\n${script(steps)}`, { resume: true });
    assertEndedWith(second, 'second done');
    assert.deepEqual(proxy.requests, []);
    const turns = proxy.turns().slice(before);
    const resumed = turns.find((turn) => turn.create.generate !== false).create.input;
    const made = resumed.filter(isModelItem).map((item) => item.type);
    assert.deepEqual(made, ['function_call', 'message'], 'what the model made comes back');
    assertStreams(turns);
  }));

test('Server_KilledInTheLoopAndRestarted_CodexRecoversAndEndsRight', limits, async () => {
  const server = await Server.start();
  const codex = await Codex.create(server.baseUrl);
  try {
    const steps = Array.from({ length: loopCalls }, (_, index) => ({ shell: appendLine(index + 1), delay_ms: 150 }));
    let restart = null;
    let commands = 0;
    const killOnce = async () => {
      await pause(75); // in the middle of the next model call's delay
      await server.kill();
      await server.launch();
    };
    const run = await codex.exec(`Do it.\n${script([...steps, { say: 'all done' }])}`, {
      timeoutMs: 90_000,
      onEvent: (event) => {
        if (event.type !== 'item.completed' || event.item.type !== 'command_execution') return;
        commands += 1;
        if (commands === 7) restart = killOnce();
      },
    });
    await restart;
    assertEndedWith(run, 'all done');
    assert.equal(run.commands.length, loopCalls, run.story);
    assert.equal(await readFile(join(codex.work, 'lines.txt'), 'utf8'), wholeFile(loopCalls));
    const { validated } = await server.counters();
    assert.ok(validated > loopCalls, `the restarted server validated ${validated} items`);
  } finally {
    await codex.remove();
    await server.stop();
  }
});

test('Model_WithToolsAsAnItem_RunsItsLoopThroughCustomExec', limits, () => withCodex(
  async ({ server, proxy, codex }) => {
    const steps = [1, 2, 3].map((number) => ({ shell: appendLine(number) }));
    const run = await codex.exec(`Do it.\n${script([...steps, { say: 'all done' }])}`);
    assertEndedWith(run, 'all done');
    assert.equal(await readFile(join(codex.work, 'lines.txt'), 'utf8'), wholeFile(3));
    const turns = proxy.turns();
    const items = turns.flatMap((turn) => turn.create.input);
    assert.equal(items.filter((item) => item.type === 'additional_tools').length, 1);
    assert.ok(turns.every((turn) => turn.create.tools === undefined));
    const calls = turns.flatMap((turn) => turn.last.response.output).filter((item) => item.call_id);
    assert.deepEqual(calls.map((call) => [call.type, call.name]), steps.map(() => ['custom_tool_call', 'exec']));
    const outputs = items.filter((item) => item.type === 'custom_tool_call_output');
    outputs.forEach((output, index) => assert.match(JSON.stringify(output.output), new RegExp(`said ${index + 1}`)));
    assertIncremental(turns);
    assertStreams(turns);
    await assertWorkedOnOnce(server, turns);
  }, 'gpt-6.1-sol'));

test('Output_Unusual_GoesThroughAndComesBack', limits, () => withCodex(
  async ({ server, proxy, codex }) => {
    const say = 'Quote " backslash \\ bell \u0007 line\u2028end '
      + '\u{1F469}\u200D\u{1F680} e\u0301 \u05E9\u05DC\u05D5\u05DD';
    const steps = [
      { shell: String.raw`printf '\033[31mred\000\377\376 "q" \\ \r\n'` },
      { shell: 'printf ""' },
      { shell: 'seq 1 40000' },
      { shell: 'echo failing >&2; exit 3' },
      { shell: `printf '%s' '\u{1F469}\u200D\u{1F680} \u2028'` },
      { say },
    ];
    const run = await codex.exec(`Do it.\n${script(steps)}`);
    assertEndedWith(run, say);
    assert.deepEqual(run.commands.map((command) => command.exit_code), [0, 0, 0, 3, 0], run.story);
    const turns = proxy.turns();
    assertIncremental(turns);
    assertStreams(turns);
    await assertWorkedOnOnce(server, turns);
  }));
