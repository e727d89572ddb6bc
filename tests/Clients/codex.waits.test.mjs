// The real Codex CLI where it has to wait: a model that is silent for longer than Codex bears, and a server that is full.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { Codex, codexMissing, script } from './lib/codex.mjs';
import { assertEndedWith } from './lib/codex-loops.mjs';
import { RecordingProxy } from './lib/proxy.mjs';
import { Server } from './lib/server.mjs';

const limits = { timeout: 900_000, skip: codexMissing };
const idleMs = 8_000;
const keepalive = '00:00:00.5';

if (codexMissing) console.log(`Codex tests are left out: ${codexMissing}`);

async function playSilence(provider, body) {
  const server = await Server.start({ models: ['demo'], settings: { KeepaliveInterval: keepalive } });
  const proxy = await RecordingProxy.start(server);
  const codex = await Codex.create(proxy.baseUrl, 'demo', 'sk-none',
    { stream_idle_timeout_ms: idleMs, stream_max_retries: 0, ...provider });
  try {
    const steps = [{ shell: 'echo one', delay_ms: idleMs + 3_000 }, { say: 'late', delay_ms: idleMs + 3_000 }];
    const run = await codex.exec(`Do it.\n${script(steps)}`);
    assertEndedWith(run, 'late');
    assert.equal(run.commands.length, 1, run.story);
    body(proxy);
  } finally {
    await codex.remove();
    await proxy.stop();
    await server.stop();
  }
}

test('Silence_OverHttp_IsBrokenByEventsThatCodexCounts', limits, () => playSilence({ supports_websockets: false },
  (proxy) => {
    assert.equal(proxy.connections.length, 0);
    assert.equal(proxy.requests.length, 2, 'no request was made twice');
    const [first, second] = proxy.requests.map((request) => request.body);
    assert.deepEqual(second.input.slice(0, first.input.length), first.input, 'the whole history comes again');
    [first, second].forEach((body) => assert.deepEqual([body.store, body.previous_response_id], [false, undefined]));
    const { answer } = proxy.requests[0];
    assert.ok(answer.includes('event: keepalive\n'), answer);
  }));

test('Silence_OverWebSocket_IsBrokenByFramesThatCodexCounts', limits, () => playSilence({}, (proxy) => {
  assert.equal(proxy.requests.length, 0);
  assert.equal(proxy.connections.length, 1);
}));

test('Server_WithoutAPlaceForASocket_IsReachedOverHttpSoon', limits, async () => {
  const server = await Server.start({ models: ['demo'], settings: { Admission__ConnectionsMax: '1' } });
  const codex = await Codex.create(server.baseUrl);
  const held = new WebSocket(`${server.baseUrl.replace(/^http/, 'ws')}/responses`);
  try {
    await once(held, 'open');
    const begun = Date.now();
    const run = await codex.exec(`Do it.\n${script([{ shell: 'echo one' }, { say: 'done' }])}`);
    assertEndedWith(run, 'done');
    assert.ok(Date.now() - begun < 120_000, `it took ${Date.now() - begun} ms`);
  } finally {
    held.terminate();
    await codex.remove();
    await server.stop();
  }
});
