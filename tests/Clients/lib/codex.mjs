// Runs the real Codex CLI offline against a server of ours.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const binary = resolve(dirname(fileURLToPath(import.meta.url)), '../node_modules/@openai/codex/bin/codex.js');
const logCharsMax = 200_000;

/** Why the Codex tests cannot run here, or false. */
export const codexMissing = findCodex();

function findCodex() {
  if (!existsSync(binary)) return 'Codex CLI is not installed: run npm ci in tests/Clients';
  const probe = spawnSync(process.execPath, [binary, '--version'], { timeout: 20_000, encoding: 'utf8' });
  return probe.status === 0 ? false : 'Codex CLI has no binary for this platform';
}

/** One line of a prompt that the demo model follows. */
export const script = (steps) => `@@script ${JSON.stringify(steps)}`;

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGTERM')));

/** A Codex installation of its own: home, configuration and working directory in one temporary directory. */
export class Codex {
  /**
   * @param {string} baseUrl the server's, ending in /v1
   * @param {Record<string, unknown>} provider more settings of the model provider
   * @param {string | null} traces where its own spans go, if anywhere; only then it sends the trace along
   */
  static async create(baseUrl, model = 'demo', apiKey = 'sk-none', provider = {}, traces = null) {
    const codex = new Codex();
    codex.root = await mkdtemp(join(tmpdir(), 'evergrain-codex-'));
    codex.work = join(codex.root, 'work');
    codex.apiKey = apiKey;
    await mkdir(codex.work);
    await mkdir(join(codex.root, 'home'));
    await writeFile(join(codex.root, 'home', 'config.toml'), configuration(baseUrl, model, provider, traces));
    return codex;
  }

  /** Runs `codex exec` once. `onEvent` sees each event as it comes; the run is bounded by `timeoutMs`. */
  async exec(prompt, { resume = false, timeoutMs = 600_000, onEvent = () => {} } = {}) {
    const args = ['exec', ...(resume ? ['resume', '--last'] : []), '--skip-git-repo-check', '--json', prompt];
    const child = this.#spawn(args, ['ignore', 'pipe', 'pipe']);
    const events = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line);
      events.push(event);
      onEvent(event);
    });
    const { code, log } = await ended(child, timeoutMs);
    return new CodexRun(events, code, log);
  }

  /** Runs user turns one after the other in one process (`codex app-server`) and returns each turn's last message. */
  async converse(prompts, { timeoutMs = 600_000 } = {}) {
    const child = this.#spawn(['app-server'], ['pipe', 'pipe', 'pipe']);
    const say = (message) => child.stdin.write(`${JSON.stringify(message)}\n`);
    const answers = [];
    let thread = null;
    let text = null;
    const nextTurn = () => {
      const input = [{ type: 'text', text: prompts[answers.length] }];
      say({ id: 10 + answers.length, method: 'turn/start', params: { threadId: thread, input } });
    };
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = JSON.parse(line);
      if (message.id === 1) {
        say({ method: 'initialized' });
        say({ id: 2, method: 'thread/start', params: { cwd: this.work } });
      } else if (message.id === 2) {
        thread = message.result.thread.id;
        nextTurn();
      } else if (message.method === 'item/completed' && message.params.item.type === 'agentMessage') {
        text = message.params.item.text;
      } else if (message.method === 'turn/completed') {
        answers.push({ status: message.params.turn.status, text });
        if (answers.length < prompts.length) nextTurn();
        else child.stdin.end();
      }
    });
    const clientInfo = { name: 'evergrain-tests', title: 'Evergrain tests', version: '1' };
    say({ id: 1, method: 'initialize', params: { clientInfo } });
    await ended(child, timeoutMs);
    return answers;
  }

  async remove() {
    await rm(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  #spawn(args, stdio) {
    // An environment of its own: no key, proxy or shell profile of the person who runs the tests.
    const env = {
      PATH: process.env.PATH,
      HOME: this.root,
      CODEX_HOME: join(this.root, 'home'),
      TMPDIR: tmpdir(),
      LANG: 'C.UTF-8',
      EVERGRAIN_KEY: this.apiKey,
    };
    const child = spawn(process.execPath, [binary, ...args], { cwd: this.work, env, stdio });
    children.add(child);
    child.on('exit', () => children.delete(child));
    return child;
  }
}

/** What one `codex exec` did, read from its events. */
class CodexRun {
  constructor(events, code, log) {
    this.events = events;
    this.code = code;
    this.log = log;
    this.items = events.filter((event) => event.type === 'item.completed').map((event) => event.item);
    this.commands = this.items.filter((item) => item.type === 'command_execution');
    this.reasoning = this.items.filter((item) => item.type === 'reasoning').map((item) => item.text);
    this.lastMessage = this.items.filter((item) => item.type === 'agent_message').at(-1)?.text;
    this.completed = events.some((event) => event.type === 'turn.completed');
  }

  /** All that a failed assertion should show. */
  get story() {
    return `${this.events.map((event) => JSON.stringify(event)).join('\n')}\nexit ${this.code}\n${this.log}`;
  }
}

async function ended(child, timeoutMs) {
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => { log = (log + text).slice(-logCharsMax); });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGTERM');
  }, timeoutMs);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  if (late) throw new Error(`Codex did not end within ${timeoutMs} ms:\n${log}`);
  return { code, log };
}

function configuration(baseUrl, model, provider, traces) {
  const settings = { supports_websockets: true, ...provider };
  return `model = "${model}"
model_provider = "evergrain"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[model_providers.evergrain]
name = "evergrain"
base_url = "${baseUrl}"
env_key = "EVERGRAIN_KEY"
wire_api = "responses"
${Object.entries(settings).map(([name, value]) => `${name} = ${value}`).join('\n')}

[features]
plugins = false

[analytics]
enabled = false
${traces ? `[otel]\ntrace_exporter = { "otlp-http" = { endpoint = "${traces}", protocol = "binary" } }\n` : ''}`;
}
