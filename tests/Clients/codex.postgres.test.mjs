// The real Codex CLI before one server whose journal is in PostgreSQL.
import { test } from 'node:test';
import { Codex, codexMissing } from './lib/codex.mjs';
import { playShellLoop } from './lib/codex-loops.mjs';
import { Postgres, postgresMissing } from './lib/postgres.mjs';
import { RecordingProxy } from './lib/proxy.mjs';
import { Server } from './lib/server.mjs';

const missing = codexMissing || postgresMissing;

if (missing) console.log(`Codex tests are left out: over PostgreSQL, as ${missing}`);

test('Loop_OverPostgres_IsIncrementalAndWorksOnEachItemOnce', { timeout: 900_000, skip: missing }, async () => {
  const postgres = await Postgres.start();
  const server = await Server.start({ journalUrl: postgres.url });
  const proxy = await RecordingProxy.start(server);
  const codex = await Codex.create(proxy.baseUrl);
  try {
    await playShellLoop({ server, proxy, codex });
  } finally {
    await codex.remove();
    await proxy.stop();
    await server.stop();
    await postgres.stop();
  }
});
