// The trace of the real Codex CLI, from its own spans through a frontend and two silos to the model server.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ChatServer } from './lib/chat-server.mjs';
import { Cluster, clusterKey } from './lib/cluster.mjs';
import { Codex, codexMissing, script } from './lib/codex.mjs';
import { assertEndedWith } from './lib/codex-loops.mjs';
import { Collector } from './lib/collector.mjs';
import { postgresMissing } from './lib/postgres.mjs';

const missing = codexMissing || postgresMissing;
const model = 'scripted';
const turns = 5;
const spansMs = 60_000;

if (missing) console.log(`Codex tests are left out: the trace over two silos, as ${missing}`);

// The third call of the loop ends when the silo that held the conversation is gone.
const steps = [
  { shell: 'echo one' },
  { shell: 'echo two' },
  { call: 'exec_command', args: { cmd: 'until [ -e gone ]; do sleep 0.1; done; echo three', yield_time_ms: 30_000 } },
  { shell: 'echo four' },
  { say: 'all done' },
];

const settingsOf = (collector, server) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  OTEL_BSP_SCHEDULE_DELAY: '200',
  Evergrain__ModelServers__0__Name: model,
  Evergrain__ModelServers__0__Api: 'chat',
  Evergrain__ModelServers__0__Models__0: model,
  Evergrain__ModelServers__0__Urls__0: server.baseUrl,
});

const isOurs = (span) => span.scope === 'Evergrain';
const named = (spans, name) => spans.filter((span) => isOurs(span) && span.name === name);

/** The spans, when each model call of the loop has one and each span but Codex' first has its parent. */
async function spansOf(collector) {
  for (const deadline = Date.now() + spansMs; ; await pause(100)) {
    const spans = [...collector.spans];
    const known = new Set(spans.map((span) => span.id));
    const torn = spans.filter((span) => isOurs(span) && span.parent && !known.has(span.parent));
    if (torn.length === 0 && named(spans, `chat ${model}`).length === turns) return spans;
    assert.ok(Date.now() < deadline, `${spans.length} spans came; without a parent: ${JSON.stringify(torn)}`);
  }
}

test('Loop_OfCodexOverTwoSilos_IsOneConversationAndOneChainFromCodexToTheModelServer',
  { timeout: 900_000, skip: missing }, async () => {
    const collector = await Collector.start();
    const server = await ChatServer.start({ model });
    const cluster = await Cluster.start(2, settingsOf(collector, server));
    const codex = await Codex.create(
      `http://127.0.0.1:${cluster.frontends[0].port}/v1`, model, clusterKey, {}, `${collector.url}/v1/traces`);
    try {
      let draining;
      const run = await codex.exec(`Do it.\n${script(steps)}`, { onEvent: ({ type, item }) => {
        if (type === 'item.started' && item.command?.includes('until')) {
          draining ??= cluster.drainBusiest().then(() => writeFile(join(codex.work, 'gone'), ''));
        }
      } });
      await draining;
      assertEndedWith(run, 'all done');

      const spans = await spansOf(collector);
      const byId = new Map(spans.map((span) => [span.id, span]));
      const calls = named(spans, `chat ${model}`);
      const started = named(spans, 'invoke_agent evergrain').map((turn) => turn.id);
      assert.ok(calls.every((call) => started.includes(call.parent)));
      assert.deepEqual(server.requests.map(({ headers }) => headers.traceparent).sort(),
        calls.map((call) => `00-${call.trace}-${call.id}-01`).sort());
      assert.equal(new Set(calls.map((call) => call.process)).size, 2, 'each silo made some of the calls');
      assert.equal(new Set(spans.filter(isOurs).map((span) => span.attributes['gen_ai.conversation.id'])).size, 1);
      assert.equal(new Set(calls.map((call) => call.trace)).size, 1, 'it is one trace');
      for (const call of calls) {
        let top = call;
        while (isOurs(top)) top = byId.get(top.parent);
        assert.match(top.service, /^codex/, 'a span of Codex is above each');
        assert.equal(top.trace, call.trace);
      }
    } finally {
      await codex.remove();
      await cluster.stop();
      await server.stop();
      await collector.stop();
    }
  });
