// Programs that speak chat completions by default, before a model server that does: GitHub Copilot CLI and qwen code,
// each with its own shell tool.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ChatServer } from '../lib/chat-server.mjs';
import { script } from '../lib/codex.mjs';
import { appendLine, wholeFile } from '../lib/codex-loops.mjs';
import { assertOneConversation, completionsOf, withRecognition } from '../lib/recognised.mjs';
import { Program } from './lib/program.mjs';

const limits = { timeout: 240_000 };
const calls = 5;

/** Text beside a call, a thought before one, several calls at once. */
const stepsOf = (call) => [
  { parallel: [{ say: 'First of all.' }, call(1)] },
  { think: 'And now?', then: call(2) },
  call(3),
  { parallel: [call(4), call(5)] },
  { say: 'all done' },
];

const programs = {
  Copilot: {
    script: '@github/copilot/npm-loader.js',
    call: (number) => ({ call: 'bash', args: { command: appendLine(number), description: 'Says' } }),
    start: (program, proxy, prompt) => program.run(['-p', prompt, '--allow-all-tools', '--no-color'], {
      COPILOT_OFFLINE: 'true', COPILOT_MODEL: 'demo', COPILOT_HOME: join(program.home, 'copilot'),
      COPILOT_PROVIDER_BASE_URL: proxy.baseUrl, COPILOT_PROVIDER_API_KEY: 'sk-none',
    }),
  },
  Qwen: {
    script: '@qwen-code/qwen-code/cli.js',
    call: (number) => ({ call: 'run_shell_command', args: { command: appendLine(number), is_background: false } }),
    async start(program, proxy, prompt, fields) {
      const settings = {
        general: { enableAutoUpdate: false }, privacy: { usageStatisticsEnabled: false },
        model: { generationConfig: { extra_body: fields } },
      };
      await program.configure('.qwen/settings.json', JSON.stringify(settings));
      return program.run(['--yolo', '--auth-type', 'openai', prompt], {
        OPENAI_API_KEY: 'sk-none', OPENAI_BASE_URL: proxy.baseUrl, OPENAI_MODEL: 'demo',
      });
    },
  },
};

async function play(name, { recognition, fields, stored }) {
  const { script: file, call, start } = programs[name];
  const steps = stepsOf(call);
  const chat = await ChatServer.start();
  const program = await Program.create(file);
  try {
    await withRecognition(recognition, async ({ server, proxy }) => {
      assert.match(await start(program, proxy, `Do it.\n${script(steps)}`, fields), /all done/);
      const lines = await readFile(join(program.work, 'lines.txt'), 'utf8');
      assert.deepEqual(lines.trim().split('\n').sort(), wholeFile(calls).trim().split('\n'), 'each call ran once');
      const creates = completionsOf(proxy);
      assert.equal(creates.length, steps.length);
      assert.equal(proxy.requests.length, creates.length, 'it asks for nothing else');
      assert.ok(creates.every(({ body }) => body.store === fields.store && body.stream === true));
      await assertOneConversation(server, creates, { stored });
      assert.deepEqual([chat.violations, chat.prefixComplaints()], [[], []]);
    }, { modelUrl: chat.baseUrl, modelApi: 'chat' });
  } finally {
    await program.remove();
    await chat.stop();
  }
}

test('Qwen_StoredLoop_IsOneConversation', limits, () => (
  play('Qwen', { recognition: 'stored', fields: { store: true }, stored: true })));

for (const name of Object.keys(programs)) {
  test(`${name}_LoopByDefault_IsOneConversation`, limits, () => (
    play(name, { recognition: 'all', fields: {}, stored: false })));
}
