// The real Codex CLI before a chat-completions server as strict as the strictest: it names the rule that is broken with
// a 400, and closes its connection behind each answer although it said that it keeps it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ChatServer } from './lib/chat-server.mjs';
import { Codex, codexMissing, script } from './lib/codex.mjs';
import { appendLine, assertEndedWith, loopCalls, playCustomExec, wholeFile, withCodex } from './lib/codex-loops.mjs';
import { RecordingProxy } from './lib/proxy.mjs';
import { Server } from './lib/server.mjs';
import { strictComplaints } from './lib/strict-rules.mjs';

const isLong = Boolean(process.env.EVERGRAIN_LONG);
const limits = { timeout: 900_000, skip: codexMissing };
const model = 'mock-model';

// Outputs that servers were seen to refuse: half an emoji, nothing, a zero byte, escapes, ends of lines, markup.
const oddOutputs = [
  'printf "\\360\\237\\230\\200" | head -c 2', 'printf "a\\360\\237\\230"', 'true', 'printf "\\0"',
  'printf "%s" "\\ud83d"', 'printf "\\"\\\\\\r\\n\\t"', 'printf "\\357\\277\\277\\302\\205"',
  'printf "<think></think>"', 'printf "\\355\\240\\275"', 'seq 3 | tr -d "\\n"; false',
];

/** Twenty calls: odd outputs, three of them in one turn, and lines of a file. */
const oddSteps = [
  ...oddOutputs.map((shell) => ({ shell })),
  { think: 'Three at once.', then: { parallel: oddOutputs.slice(0, 3).map((shell) => ({ shell })) } },
  ...Array.from({ length: loopCalls - oddOutputs.length - 3 }, (_, index) => ({ shell: appendLine(index + 1) })),
];
const oddLines = loopCalls - oddOutputs.length - 3;

async function withStrict(body, kind = 'plain') {
  const chat = await ChatServer.start({ model, closes: true, complaints: (asked) => strictComplaints(asked, kind) });
  const told = kind === 'plain' ? {} : { ModelServer__Dialect: kind };
  try {
    await body(chat, { modelUrl: chat.baseUrl, modelApi: 'chat', settings: told });
    assert.deepEqual(chat.violations, []);
    assert.deepEqual(chat.prefixComplaints(), [], 'the context only grows');
    assert.ok(chat.requests.every(({ answered }) => answered));
  } finally {
    await chat.stop();
  }
}

/** A connection that closed costs nothing, no line of the log either. */
function assertQuiet({ log }) {
  assert.doesNotMatch(log, /^(warn: Evergrain\.Providers\.Servers|fail:|crit:)/m);
}

async function playOddLoop({ server, proxy, codex }) {
  const run = await codex.exec(`Do it.\n${script([...oddSteps, { say: 'all done' }])}`);
  assertEndedWith(run, 'all done');
  assert.equal(run.commands.length, loopCalls, run.story);
  assert.equal(await readFile(join(codex.work, 'lines.txt'), 'utf8'), wholeFile(oddLines));
  assert.deepEqual(proxy.requests, [], 'it never left WebSocket');
  assertQuiet(server);
}

for (const kind of ['plain', 'mistral']) {
  test(`Strict_${kind}_LoopOfTwentyOddOutputs_IsTakenWhole`, limits, () => withStrict(async (chat, settings) => {
    await withCodex(playOddLoop, { model, settings });
    assert.equal(chat.requests.length, oddSteps.length + 1, 'no request came twice');
    const outputs = chat.requests.at(-1).body.messages.filter(({ role }) => role === 'tool');
    assert.equal(outputs.length, loopCalls);
    // Codex makes these of half characters.
    assert.ok(outputs.filter(({ content }) => content.includes('\ufffd')).length > 3);
  }, kind));
}

test('Strict_Plain_SeveralUserTurns_AreTakenWhole', limits, () => withStrict((_, settings) => withCodex(
  async ({ server, codex }) => {
    const prompts = ['one', 'two', 'three'].map((word) => (
      `Do it.\n${script([{ shell: oddOutputs[0] }, { say: `${word}: caf\u00e9 \u{1F600}` }])}`));
    const answers = await codex.converse(prompts);
    assert.deepEqual(answers.map(({ text }) => text), ['one', 'two', 'three'].map((word) => `${word}: café 😀`));
    assertQuiet(server);
  }, { model, settings })));

test('Strict_Plain_ModelWithToolsAsAnItem_RunsItsLoopThroughCustomExec', limits, async () => {
  const tools = 'gpt-6.1-sol';
  const chat = await ChatServer.start({ model: tools, closes: true, complaints: strictComplaints });
  try {
    await withCodex((parts) => playCustomExec(parts, 3),
      { model: tools, settings: { modelUrl: chat.baseUrl, modelApi: 'chat' } });
    assert.deepEqual(chat.violations, []);
  } finally {
    await chat.stop();
  }
});

/** A model that is silent before an answer for longer than Codex bears: keepalive events alone keep it waiting. */
async function playSilence({ silentMs, idleMs, keepalive }) {
  await withStrict(async (chat, options) => {
    const server = await Server.start({
      ...options, settings: { ...options.settings, KeepaliveInterval: keepalive } });
    const proxy = await RecordingProxy.start(server);
    const codex = await Codex.create(proxy.baseUrl, model, 'sk-none',
      { supports_websockets: false, stream_idle_timeout_ms: idleMs, stream_max_retries: 0 });
    try {
      const steps = oddSteps.map((step, index) => (index === 4 ? { ...step, delay_ms: silentMs } : step));
      const run = await codex.exec(`Do it.\n${script([...steps, { say: 'all done' }])}`, { timeoutMs: 300_000 });
      assertEndedWith(run, 'all done');
      assert.equal(run.commands.length, loopCalls, run.story);
      assert.equal(proxy.connections.length, 0);
      assert.equal(proxy.requests.length, steps.length + 1, 'no request came twice');
      assert.equal(chat.requests.length, steps.length + 1, 'no call came twice');
      assert.ok(proxy.requests.some(({ answer }) => answer.includes('event: keepalive\n')));
      assertQuiet(server);
    } finally {
      await codex.remove();
      await proxy.stop();
      await server.stop();
    }
  });
}

test('Strict_OverHttp_SilenceIsBrokenByEventsThatCodexCounts', limits, () => (
  playSilence({ silentMs: 9_000, idleMs: 6_000, keepalive: '00:00:01' })));

const longLimits = { ...limits, skip: isLong ? codexMissing : 'only --long runs them' };
test('Strict_OverHttp_SilenceOfAMinuteIsBroken', longLimits, () => (
  playSilence({ silentMs: 60_000, idleMs: 20_000, keepalive: '00:00:05' })));
