// The real Codex CLI before HAProxy, two frontends and two silos of a cluster.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Cluster, clusterKey } from './lib/cluster.mjs';
import { Codex, codexMissing } from './lib/codex.mjs';
import { playShellLoop } from './lib/codex-loops.mjs';
import { Haproxy, haproxyMissing } from './lib/haproxy.mjs';
import { postgresMissing } from './lib/postgres.mjs';
import { RecordingProxy } from './lib/proxy.mjs';

const missing = codexMissing || postgresMissing || haproxyMissing;

if (missing) console.log(`Codex tests are left out: before a cluster, as ${missing}`);

async function drainAfter(turns, { cluster, proxy, signal }) {
  while (proxy.turns().length < turns) await pause(20, undefined, { signal });
  await cluster.drainBusiest();
  return proxy.turns().length;
}

test('Loop_ThroughHaproxyTwoFrontendsAndTwoSilos_IsIncrementalAlthoughItsSiloIsDrained',
  { timeout: 900_000, skip: missing }, async () => {
    const cluster = await Cluster.start(2);
    const haproxy = await Haproxy.start(cluster.frontends);
    const proxy = await RecordingProxy.start(haproxy);
    const codex = await Codex.create(proxy.baseUrl, 'demo', clusterKey);
    const over = new AbortController();
    const draining = drainAfter(5, { cluster, proxy, signal: over.signal });
    draining.catch(() => {});
    try {
      // Its items are worked on once: by the silo that goes, or by the one where they arrive warm.
      const server = { counters: () => draining.then(() => cluster.counters()) };
      await playShellLoop({ server, proxy, codex });
      const before = await draining;
      assert.ok(before < proxy.turns().length, `the silo was gone after ${before} turns, when the loop had ended`);
    } finally {
      over.abort();
      await codex.remove();
      await proxy.stop();
      await haproxy.stop();
      await cluster.stop();
    }
  });
