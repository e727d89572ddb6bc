// A program: Codex in a loop against the server at `PORT KEY`. It writes a line when Codex begins, one for each command
// that ended, and at last `{"loop": …}` with what came of it. The commands take a while each, until SIGUSR2.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Codex, script } from './codex.mjs';
import { appendLine, assertEndedWith, isModelItem, itemsOfAll, wholeFile } from './codex-loops.mjs';
import { RecordingProxy } from './proxy.mjs';

// Tenths of a second that a command waits at most: many turns at first, and then enough time for a slow machine. Codex
// would give a model what a command has said so far after 10 s.
const waits = [...Array.from({ length: 12 }, () => 10), ...Array.from({ length: 18 }, () => 80)];
const runMs = 400_000;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const waiting = (tenths) => `for i in $(seq ${tenths}); do [ -e ../go ] && break; sleep 0.1; done`;

const [port, key] = process.argv.slice(2);
const proxy = await RecordingProxy.start({ port: Number(port) });
const codex = await Codex.create(proxy.baseUrl, 'demo', key);
process.on('SIGUSR2', () => writeFile(join(codex.root, 'go'), ''));
try {
  const steps = waits.map((tenths, index) => ({ shell: `${waiting(tenths)}; ${appendLine(index + 1)}` }));
  let commands = 0;
  say({ begun: true });
  const run = await codex.exec(`Do it.\n${script([...steps, { say: 'all done' }])}`, {
    timeoutMs: runMs,
    onEvent({ type, item }) {
      if (type !== 'item.completed' || item.type !== 'command_execution') return;
      commands += 1;
      say({ commands });
    },
  });
  assertEndedWith(run, 'all done');
  const turns = proxy.turns();
  const firsts = turns.filter(({ create }) => create.generate !== false && !create.previous_response_id);
  say({ loop: {
    commands,
    isWhole: await readFile(join(codex.work, 'lines.txt'), 'utf8') === wholeFile(waits.length),
    items: itemsOfAll(turns),
    sentAgain: firsts.flatMap(({ create }) => create.input).filter(isModelItem).length,
    connections: proxy.connections.length,
    requests: proxy.requests.length,
    stored: turns.some(({ create }) => create.store !== false),
  } });
} finally {
  await codex.remove();
  await proxy.stop();
}
