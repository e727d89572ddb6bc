// Starts llama.cpp's own server, where LLAMA_SERVER names one and LLAMA_MODEL a model for it (any GGUF).
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './server.mjs';

const { LLAMA_SERVER: program, LLAMA_MODEL: model } = process.env;
const readyMs = 300_000;
const stopMs = 15_000;
const logCharsMax = 200_000;

/** Why these tests cannot run here, or false. */
export const llamaMissing = findLlama();

function findLlama() {
  if (!program) return 'LLAMA_SERVER names no llama-server';
  if (!existsSync(program)) return `LLAMA_SERVER: ${program} does not exist`;
  if (!model) return 'LLAMA_MODEL names no GGUF';
  return existsSync(model) ? false : `LLAMA_MODEL: ${model} does not exist`;
}

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

export class LlamaServer {
  #log = '';

  static async start() {
    const server = new LlamaServer();
    const port = await freePort();
    const args = ['-m', model, '--host', '127.0.0.1', '--port', String(port), '--jinja', '-c', '32768', '-np', '4'];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    child.on('exit', () => children.delete(child));
    const keep = (text) => { server.#log = (server.#log + text).slice(-logCharsMax); };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => keep(`${error}\n`));
    server.child = child;
    server.origin = `http://127.0.0.1:${port}`;
    await server.#untilReady();
    return server;
  }

  async #untilReady() {
    const deadline = Date.now() + readyMs;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined) break;
      const answer = await fetch(`${this.origin}/health`).catch(() => null);
      if (answer?.status === 200) return;
      await pause(100);
    }
    this.child.kill('SIGKILL');
    throw new Error(`llama-server was not ready:\n${this.#log}`);
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), stopMs);
    await exit;
    clearTimeout(timer);
  }
}
