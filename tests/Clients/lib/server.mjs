// Starts, kills and restarts the built server, and reads its counters.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

// Of a server with keys: metrics ask for it.
const operatorKey = 'sk-operator';
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const built = join(root, 'src/Silo/bin/Release/net10.0/evergrain.dll');
const readyMs = 120_000;
const stopMs = 25_000;
const logCharsMax = 1_000_000;

/** A command line that starts another build of the server (a published one, a container) instead of the built one. */
const otherCommand = process.env.EVERGRAIN_SERVER?.split(' ');

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** A TCP port that was free a moment ago. */
export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** One server process at a time, on one port and one data directory that outlive it. */
export class Server {
  #child = null;
  #log = '';

  /**
   * @param {{models?: string[], apiKeys?: string[], modelUrl?: string, modelApi?: string, modelKey?: string,
   *   journalUrl?: string, settings?: Record<string, string>}} options with a journal's URL its data directory stays
   *   empty; settings are those of the section Evergrain, by name
   */
  constructor(options, port, data) {
    this.options = options;
    this.port = port;
    this.data = data;
  }

  /** A fresh server with an empty data directory; resolves when it is ready. */
  static async start(options = {}) {
    const data = await mkdtemp(join(tmpdir(), 'evergrain-data-'));
    const server = new Server(options, await freePort(), data);
    try {
      await server.launch();
    } catch (error) {
      await server.kill();
      await rm(data, { recursive: true, force: true });
      throw error;
    }
    return server;
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  get baseUrl() {
    return `${this.origin}/v1`;
  }

  /** What the process wrote, cut at the front. */
  get log() {
    return this.#log;
  }

  async launch() {
    const [command, ...first] = otherCommand ?? ['dotnet', built];
    if (!otherCommand && !existsSync(built)) {
      throw new Error('The server is not built: run ./test, or dotnet build -c Release Orleans.sln.');
    }
    const { journalUrl } = this.options;
    const args = ['--port', String(this.port), ...(journalUrl ? ['--journal', 'postgres'] : ['--data', this.data])];
    (this.options.models ?? []).forEach((name) => args.push('--model', name));
    (this.options.apiKeys ?? []).forEach((key) => args.push('--api-key', key));
    const { modelUrl, modelApi, modelKey } = this.options;
    if (modelUrl) args.push('--model-url', modelUrl, '--model-api', modelApi);
    if (modelKey) args.push('--model-key', modelKey);
    const env = { ...process.env, ...(journalUrl && { Evergrain__JournalUrl: journalUrl }) };
    if (this.options.apiKeys) env.Evergrain__OperatorKeys__0 = operatorKey;
    Object.entries(this.options.settings ?? {}).forEach(([name, value]) => { env[`Evergrain__${name}`] = value; });
    const child = spawn(command, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    children.add(child);
    this.#child = child;
    const keep = (text) => { this.#log = (this.#log + text).slice(-logCharsMax); };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => keep(`${error}\n`));
    child.on('exit', () => children.delete(child));
    await this.#untilReady(child);
  }

  async #untilReady(child) {
    const deadline = Date.now() + readyMs;
    while (Date.now() < deadline) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
        throw new Error(`The server ended before it was ready:\n${this.#log}`);
      }
      const answer = await fetch(`${this.origin}/health/ready`).catch(() => null);
      if (answer?.status === 200) return;
      await pause(50);
    }
    throw new Error(`The server was not ready within ${readyMs} ms:\n${this.#log}`);
  }

  /** Ends the process as a power cut would, and waits until it is gone. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** Ends the process in order, and starts another one on its data. */
  async restart() {
    await this.#end('SIGTERM');
    await this.launch();
  }

  /** Ends the process in order and removes its data. Throws if it logged an error or had to be killed. */
  async stop() {
    const inTime = await this.#end('SIGTERM');
    await rm(this.data, { recursive: true, force: true });
    if (!inTime) throw new Error(`The server did not stop within ${stopMs} ms of SIGTERM:\n${this.#log}`);
    const errors = this.#log.split('\n').filter((line) => /^(fail|crit):/.test(line));
    if (errors.length > 0) throw new Error(`The server logged errors:\n${this.#log}`);
  }

  async #end(signal) {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return true;
    const exit = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
    await exit;
    clearTimeout(timer);
    return signal === 'SIGKILL' || child.signalCode !== 'SIGKILL';
  }

  async #metrics() {
    const answer = await fetch(`${this.origin}/metrics`, { headers: { authorization: `Bearer ${operatorKey}` } });
    if (answer.status !== 200) throw new Error(`GET /metrics answered ${answer.status}`);
    return answer.text();
  }

  /** Bytes given to the journal since the process started; 0 before the first. */
  async journaledBytes() {
    const text = await this.#metrics();
    return Number(/^evergrain_bytes_journaled_total\{\} (\d+)/m.exec(text)?.[1] ?? 0);
  }

  /** Calls of a model that ended, since the process started. */
  async endedCalls() {
    const counts = (await this.#metrics()).matchAll(/^gen_ai_client_inference_duration_seconds_count\{[^}]*\} (\d+)/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Items validated, rendered and counted since the process started, over all labels. */
  async counters() {
    const text = await this.#metrics();
    return {
      validated: sumOf(text, 'validated'),
      rendered: sumOf(text, 'rendered'),
      counted: sumOf(text, 'counted'),
    };
  }
}

/** The sum of a counter's samples; exporters differ in the suffix (unit, `_total`), so that is left open here. */
function sumOf(text, verb) {
  const sample = new RegExp(`^evergrain_items_${verb}(?:_item|_items)?(?:_total)?(?:\\{[^}]*\\})? ([0-9.eE+-]+)`, 'gm');
  const values = [...text.matchAll(sample)].map((match) => Number(match[1]));
  if (values.length === 0) throw new Error(`GET /metrics has no evergrain_items_${verb}:\n${text}`);
  return values.reduce((sum, value) => sum + value, 0);
}
