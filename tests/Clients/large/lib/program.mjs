// Runs a program of this folder offline: in a temporary directory, with an environment of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = resolve(dirname(fileURLToPath(import.meta.url)), '../node_modules');
const logCharsMax = 200_000;

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

export class Program {
  /** @param {string} script the program's file in node_modules */
  static async create(script) {
    const program = new Program();
    program.script = join(modules, script);
    program.root = await mkdtemp(join(tmpdir(), 'evergrain-program-'));
    program.home = join(program.root, 'home');
    program.work = join(program.root, 'work');
    await mkdir(program.home);
    await mkdir(program.work);
    return program;
  }

  /** Writes a file below its home. */
  async configure(path, text) {
    const file = join(this.home, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }

  /** Runs it to its end; returns what it wrote to stdout. Throws if it fails, or is not done in time. */
  async run(args, variables, timeoutMs = 180_000) {
    const env = { PATH: process.env.PATH, HOME: this.home, TMPDIR: this.root, LANG: 'C.UTF-8', ...variables };
    const stdio = ['ignore', 'pipe', 'pipe'];
    const child = spawn(process.execPath, [this.script, ...args], { cwd: this.work, env, stdio });
    children.add(child);
    child.on('exit', () => children.delete(child));
    const texts = ['stdout', 'stderr'].map((name) => {
      const kept = { text: '' };
      child[name].setEncoding('utf8').on('data', (text) => { kept.text = (kept.text + text).slice(-logCharsMax); });
      return kept;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const [code, signal] = await once(child, 'close');
    clearTimeout(timer);
    const [output, errors] = texts.map(({ text }) => text);
    if (code !== 0) throw new Error(`It ended with ${signal ?? code}:\n${output}\n${errors}`);
    return output;
  }

  async remove() {
    await rm(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}
