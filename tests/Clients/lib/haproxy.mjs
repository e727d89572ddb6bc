// HAProxy with the configuration that users get, before two servers on this machine.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { untilListening } from './postgres.mjs';
import { freePort } from './server.mjs';

const configuration = resolve(dirname(fileURLToPath(import.meta.url)), '../../../deploy/haproxy/haproxy.cfg');

/** Why a test with HAProxy cannot run here, or false. */
export const haproxyMissing = spawnSync('haproxy', ['-v']).status === 0 ? false : 'HAProxy is not installed';

export class Haproxy {
  /** Starts it before two servers, which are ready. */
  static async start([one, two]) {
    const haproxy = new Haproxy();
    haproxy.folder = await mkdtemp(join(tmpdir(), 'evergrain-haproxy-'));
    haproxy.port = await freePort();
    let text = await readFile(configuration, 'utf8');
    const replace = (old, other) => {
      if (text.split(old).length !== 2) throw new Error(`${configuration} does not hold '${old}' once`);
      text = text.replace(old, other);
    };
    replace('bind :8000\n', `bind 127.0.0.1:${haproxy.port}\n`);
    replace('stats socket /run/haproxy/admin.sock', `stats socket ${join(haproxy.folder, 'admin.sock')}`);
    replace('server one 127.0.0.1:8081', `server one 127.0.0.1:${one.port}`);
    replace('server two 127.0.0.1:8082', `server two 127.0.0.1:${two.port}`);
    const file = join(haproxy.folder, 'haproxy.cfg');
    await writeFile(file, text);
    haproxy.child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
    process.on('exit', () => haproxy.child.kill('SIGKILL'));
    await untilListening(haproxy.port);
    return haproxy;
  }

  async stop() {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
    await rm(this.folder, { recursive: true, force: true });
  }
}
