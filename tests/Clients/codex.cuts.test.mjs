// The real Codex CLI, whose socket goes in the middle of an answer of which it has run a call already.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ChatServer } from './lib/chat-server.mjs';
import { Codex, codexMissing, script } from './lib/codex.mjs';
import { appendLine, assertEndedWith, itemsOfAll, wholeFile } from './lib/codex-loops.mjs';
import { RecordingProxy } from './lib/proxy.mjs';
import { Server } from './lib/server.mjs';

const limits = { timeout: 900_000, skip: codexMissing };
const model = 'mock-model';
const patienceMs = 60_000;

if (codexMissing) console.log(`Codex tests are left out: ${codexMissing}`);

// The second call takes longer than the test: its answer still runs when the test looks, unless it was cancelled.
const steps = [
  { shell: appendLine(1) },
  { parallel: [{ shell: appendLine(2) }, { shell: `: ${'x'.repeat(5_000)}` }], chunk_ms: 600 },
  { shell: appendLine(3) },
  { say: 'all done' },
];

async function playCut(cut, check) {
  const chat = await ChatServer.start({ model });
  const server = await Server.start({
    modelUrl: chat.baseUrl, modelApi: 'chat', settings: { ModelServer__IdleTimeout: '00:10:00', Recognition: 'all' },
  });
  const proxy = await RecordingProxy.start(server);
  const codex = await Codex.create(proxy.baseUrl, model);
  let calls = 0;
  proxy.cutAfter = ({ type, item }) => {
    if (type === 'response.output_item.done' && item.type === 'function_call') calls += 1;
    return calls === 2 ? (calls += 1, cut) : null;
  };
  const running = async () => chat.requests.length - await server.endedCalls();
  try {
    const run = await codex.exec(`Do it.\n${script(steps)}`);
    assertEndedWith(run, 'all done');
    assert.equal(await readFile(join(codex.work, 'lines.txt'), 'utf8'), wholeFile(3), 'each call ran once');
    assert.equal(chat.requests.length, steps.length, 'no call of the model came twice');
    assert.equal(proxy.connections.length, 2);
    assert.deepEqual(proxy.requests, []);
    // While the cut turn runs on, it is continued by nobody: a call and its output are read again.
    const [items, { validated, rendered }] = [itemsOfAll(proxy.turns()), await server.counters()];
    assert.ok(validated <= items + 2 && rendered === validated, `${validated} validated, ${items} there`);
    assert.equal(await server.journaledBytes(), 0);
    await check({ running, server, proxy });
    assert.deepEqual(chat.violations, []);
  } finally {
    await codex.remove();
    await proxy.stop();
    await server.stop();
    await chat.stop();
  }
}

async function assertNoneRuns(running) {
  const deadline = Date.now() + patienceMs;
  while (await running() > 0 && Date.now() < deadline) await pause(50);
  assert.equal(await running(), 0, 'no call of the model runs on');
}

test('Socket_ClosedBehindACall_RunsEachToolOnceAndNoCallOn', limits, () => (
  playCut('closed', ({ running }) => assertNoneRuns(running))));

test('Socket_HalfOpenBehindACall_RunsEachToolOnceAndOneCallOn', limits, () => (
  playCut('half-open', async ({ running, proxy }) => {
    assert.equal(await running(), 1, 'the server cannot know that nobody reads');
    proxy.forget();
    await assertNoneRuns(running);
  })));
