// The real Codex CLI before HAProxy, two frontends and two silos of a cluster.
import { test } from 'node:test';
import { Cluster, clusterMissing } from './lib/cluster.mjs';
import { Codex, codexMissing } from './lib/codex.mjs';
import { playShellLoop } from './lib/codex-loops.mjs';
import { Haproxy, haproxyMissing } from './lib/haproxy.mjs';
import { postgresMissing } from './lib/postgres.mjs';
import { RecordingProxy } from './lib/proxy.mjs';

const missing = codexMissing || postgresMissing || haproxyMissing || clusterMissing;

if (missing) console.log(`Codex tests are left out: before a cluster, as ${missing}`);

test('Loop_ThroughHaproxyTwoFrontendsAndTwoSilos_IsIncrementalAndWorksOnEachItemOnce',
  { timeout: 120_000, skip: missing }, async () => {
    const cluster = await Cluster.start(2);
    const haproxy = await Haproxy.start(cluster.frontends);
    const proxy = await RecordingProxy.start(haproxy);
    const codex = await Codex.create(proxy.baseUrl);
    try {
      await playShellLoop({ server: cluster, proxy, codex });
    } finally {
      await codex.remove();
      await proxy.stop();
      await haproxy.stop();
      await cluster.stop();
    }
  });
