// The official SDK behind a proxy whose patience is shorter than the model takes: it tries again by itself.
import assert from 'node:assert/strict';
import { createServer, request as send } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import OpenAI from 'openai';
import { script } from './lib/codex.mjs';
import { answer, tool, user } from './lib/responses.mjs';
import { Server } from './lib/server.mjs';

// Longer than the test: what is not cancelled still runs when the test looks.
const modelMs = 600_000;
const patienceMs = 60_000;

let server;
before(async () => { server = await Server.start({ settings: { Recognition: 'stored' } }); });
after(() => server?.stop());

/**
 * A proxy that answers the first `cut` creates with 504, once the server has begun them, and closes what it had open to
 * the server for them.
 */
async function startProxy(cut) {
  const proxy = { creates: 0 };
  proxy.http = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const { method, url: path, headers } = request;
    const isCut = method === 'POST' && (proxy.creates += 1) <= cut;
    const begun = await metric('evergrain_turns_started_total');
    const upstream = send({ host: '127.0.0.1', port: server.port, method, path, headers });
    upstream.on('response', (got) => {
      if (isCut) return;
      response.writeHead(got.statusCode, got.headers);
      got.pipe(response);
    });
    upstream.on('error', () => { if (!response.headersSent) response.writeHead(504).end(); });
    upstream.end(Buffer.concat(pieces));
    if (!isCut) return;
    await assertBecomes('evergrain_turns_started_total', begun + 1, 'a turn for each try');
    upstream.destroy(new Error('too slow'));
  }).listen(0, '127.0.0.1');
  await once(proxy.http, 'listening');
  proxy.baseUrl = `http://127.0.0.1:${proxy.http.address().port}/v1`;
  return proxy;
}

/** A metric, its series added up. */
const metric = async (name) => {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  const series = text.matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\S+)`, 'gm'));
  return [...series].reduce((sum, [, value]) => sum + Number(value), 0);
};

async function assertBecomes(name, value, why) {
  const deadline = Date.now() + patienceMs;
  while (await metric(name) !== value && Date.now() < deadline) await pause(50);
  assert.equal(await metric(name), value, why);
}

test('Create_CutTwiceByAProxy_RunsOneCallAndEachToolOnce', async () => {
  const proxy = await startProxy(2);
  try {
    const client = new OpenAI({ baseURL: proxy.baseUrl, apiKey: 'sk-none', maxRetries: 2 });
    const look = { call: 'lookup', args: { key: 'a' } };
    const input = [user(`Go.\n${script([{ ...look, delay_ms: 2_000 }, { say: 'done' }])}`)];
    const slow = [user(`Go slowly.\n${script([{ ...look, delay_ms: modelMs }])}`)];
    const request = { model: 'demo', tools: [tool('lookup')] };
    let ran = 0;
    const first = await client.responses.create({ ...request, input });
    const [call] = first.output;
    ran += 1;
    const last = await client.responses.create({
      ...request, input: [...input, ...first.output, answer(call, 'value of a')],
    });
    assert.equal(proxy.creates, 4, 'three tries, and the create behind them');
    assert.equal(last.output_text, 'done');
    assert.equal(ran, 1);

    proxy.creates = 0;
    const stream = await client.responses.create({ ...request, input: slow, stream: true });
    const { value: created } = await stream[Symbol.asyncIterator]().next();
    await assertBecomes('evergrain_turns_repeated_total', 4, 'two tries of two creates were told to end');
    await assertBecomes('gen_ai_client_inference_duration_seconds_count', 6, 'of seven calls one runs');
    await client.responses.cancel(created.response.id);
  } finally {
    proxy.http.close();
    proxy.http.closeAllConnections();
  }
});
