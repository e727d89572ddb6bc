// The real Codex CLI before HAProxy and two servers that share one PostgreSQL.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Codex, codexMissing } from './lib/codex.mjs';
import { playShellLoop } from './lib/codex-loops.mjs';
import { Haproxy, haproxyMissing } from './lib/haproxy.mjs';
import { Postgres, postgresMissing } from './lib/postgres.mjs';
import { RecordingProxy } from './lib/proxy.mjs';
import { Server } from './lib/server.mjs';

const missing = codexMissing || postgresMissing || haproxyMissing;

if (missing) console.log(`Codex tests are left out: behind HAProxy, as ${missing}`);

/** Two servers on one PostgreSQL. */
class Pair {
  static async start() {
    const pair = new Pair();
    pair.postgres = await Postgres.start();
    pair.servers = [];
    try {
      for (let count = 0; count < 2; count += 1) {
        pair.servers.push(await Server.start({ journalUrl: pair.postgres.url }));
      }
      return pair;
    } catch (error) {
      await pair.stop();
      throw error;
    }
  }

  /** One of them did all the work: the other has nothing to count yet. */
  async counters() {
    const counts = await Promise.allSettled(this.servers.map((server) => server.counters()));
    const busy = counts.filter(({ status }) => status === 'fulfilled');
    assert.equal(busy.length, 1, 'the loop stayed with one server');
    return busy[0].value;
  }

  async stop() {
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.postgres.stop();
  }
}

test('Loop_ThroughHaproxyAndTwoServers_IsIncrementalAndWorksOnEachItemOnce', { timeout: 90_000, skip: missing },
  async () => {
    const pair = await Pair.start();
    const haproxy = await Haproxy.start(pair.servers);
    const proxy = await RecordingProxy.start(haproxy);
    const codex = await Codex.create(proxy.baseUrl);
    try {
      await playShellLoop({ server: pair, proxy, codex });
    } finally {
      await codex.remove();
      await proxy.stop();
      await haproxy.stop();
      await pair.stop();
    }
  });
