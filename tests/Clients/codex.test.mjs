// The real Codex CLI, offline, against the built server: long loops, parallel calls, later turns, a killed server.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Codex, codexMissing, script } from './lib/codex.mjs';
import {
  appendLine, assertEndedWith, assertIncremental, assertStreams, assertWorkedOnOnce, isModelItem, loopCalls,
  playCustomExec, playParallelCalls, playShellLoop, wholeFile, withCodex,
} from './lib/codex-loops.mjs';
import { Server } from './lib/server.mjs';

const limits = { timeout: 900_000, skip: codexMissing };

if (codexMissing) console.log(`Codex tests are left out: ${codexMissing}`);

test('Loop_OfTwentyShellCalls_IsIncrementalAndWorksOnEachItemOnce', limits, () => withCodex(playShellLoop));

test('Calls_ParallelWithReasoning_AreAnsweredInOneTurn', limits, () => withCodex(async (parts) => {
  const run = await playParallelCalls(parts);
  assert.deepEqual(run.reasoning, ['Three at once.'], run.story);
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
      timeoutMs: 240_000,
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

test('Model_WithToolsAsAnItem_RunsItsLoopThroughCustomExec', limits, () => (
  withCodex(playCustomExec, { model: 'gpt-6.1-sol' })));

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
