// The real Codex CLI before a server whose model is another server: a chat-completions one, and a second Evergrain.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatServer } from './lib/chat-server.mjs';
import { codexMissing } from './lib/codex.mjs';
import { loopCalls, playCustomExec, playParallelCalls, playShellLoop, withCodex } from './lib/codex-loops.mjs';
import { RecordingProxy } from './lib/proxy.mjs';
import { Server } from './lib/server.mjs';
import { eventsOf } from './lib/sse.mjs';
import { assertStream } from './lib/stream.mjs';

const limits = { timeout: 900_000, skip: codexMissing };
const modelKey = 'sk-upstream';

/** Codex over a chat-completions server; `calls` is how often that must have been asked. */
async function throughChat(model, play, calls) {
  const chat = await ChatServer.start({ model, apiKey: modelKey });
  const settings = { modelUrl: chat.baseUrl, modelApi: 'chat', modelKey };
  try {
    await withCodex(play, { model, settings });
    assert.deepEqual(chat.violations, []);
    assert.deepEqual(chat.prefixComplaints(), [], 'the context only grows, so the model server\'s cache stays warm');
    assert.equal(chat.requests.length, calls, 'a warm-up asks no model');
    assert.ok(chat.requests.every(({ answered }) => answered));
  } finally {
    await chat.stop();
  }
}

/** Codex over a second Evergrain, with a proxy between the two that hears what the first one asks. */
async function throughResponses(model, play, calls) {
  const second = await Server.start({ models: [model], apiKeys: [modelKey] });
  const between = await RecordingProxy.start(second);
  const settings = { modelUrl: between.baseUrl, modelApi: 'responses', modelKey };
  try {
    await withCodex(play, { model, settings });
    const asked = between.requests.filter(({ method }) => method === 'POST');
    assert.deepEqual(asked.map(({ path, status }) => `${path} ${status}`),
      Array.from({ length: calls }, () => '/v1/responses 200'));
    assertGrowing(asked.map(({ body }) => body.input));
    assertIdsAreTheirOwn(asked);
  } finally {
    await between.stop();
    await second.stop();
  }
}

/** Each request brings the one before it, with what was answered and new items behind. */
function assertGrowing(inputs) {
  inputs.slice(1).forEach((input, index) => {
    const before = inputs[index];
    assert.deepEqual(input.slice(0, before.length), before);
    assert.ok(input.length > before.length);
  });
}

/**
 * A server is told only ids that it gave itself, and every one of those, save of reasoning that holds no thoughts:
 * a server that stored nothing would look for it in vain.
 */
function assertIdsAreTheirOwn(requests) {
  const given = [];
  for (const { body, answer } of requests) {
    assert.deepEqual(body.input.map(({ id }) => id).filter((id) => id !== undefined), given);
    const events = eventsOf(answer);
    assertStream(events);
    const kept = events.at(-1).response.output
      .filter((item) => item.type !== 'reasoning' || item.encrypted_content || item.content?.length > 0);
    given.push(...kept.map(({ id }) => id));
  }
  assert.ok(given.length > 0);
}

test('Chat_LoopOfTwentyShellCalls_IsIncrementalAndWorksOnEachItemOnce', limits, () => (
  throughChat('mock-model', playShellLoop, loopCalls + 1)));

test('Chat_ParallelCallsWithReasoning_AreAnsweredInOneTurn', limits, () => (
  throughChat('mock-model', playParallelCalls, 2)));

test('Chat_ModelWithToolsAsAnItem_RunsItsLoopThroughCustomExec', limits, () => (
  throughChat('gpt-6.1-sol', (parts) => playCustomExec(parts, loopCalls), loopCalls + 1)));

test('Responses_LoopOfTwentyShellCalls_IsIncrementalAndWorksOnEachItemOnce', limits, () => (
  throughResponses('mock-model', playShellLoop, loopCalls + 1)));

test('Responses_ParallelCallsWithReasoning_AreAnsweredInOneTurn', limits, () => (
  throughResponses('mock-model', playParallelCalls, 2)));

test('Responses_ModelWithToolsAsAnItem_RunsItsLoopThroughCustomExec', limits, () => (
  throughResponses('gpt-6.1-sol', (parts) => playCustomExec(parts, loopCalls), loopCalls + 1)));
