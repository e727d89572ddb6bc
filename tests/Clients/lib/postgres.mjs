// A PostgreSQL of the tests' own, where one is installed: a private port of 127.0.0.1 and a private directory.
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './server.mjs';

const debian = '/usr/lib/postgresql';
const readyMs = 120_000;
const binaries = findBinaries();

/** Why a test with PostgreSQL cannot run here, or false. */
export const postgresMissing = binaries ? false : 'PostgreSQL is not installed';

function findBinaries() {
  const named = process.env.EVERGRAIN_POSTGRES_BIN;
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = named ? [named]
    : [...(process.env.PATH ?? '').split(delimiter), ...versions.map((version) => join(debian, version, 'bin'))];
  return folders.find((folder) => folder && existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** PostgreSQL refuses root: it runs as `postgres`, or as nobody. */
function serverUser() {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout) || 65_534;
  return { uid: id('-u'), gid: id('-g') };
}

export class Postgres {
  /** An empty server; resolves when it takes connections. */
  static async start() {
    const postgres = new Postgres();
    const user = serverUser();
    postgres.folder = await mkdtemp(join(tmpdir(), 'evergrain-postgres-'));
    if (user.uid) chownSync(postgres.folder, user.uid, user.gid);
    postgres.port = await freePort();
    const data = join(postgres.folder, 'data');
    const options = { ...user, cwd: postgres.folder, encoding: 'utf8' };
    const made = spawnSync(join(binaries, 'initdb'),
      ['-D', data, '-U', 'evergrain', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N'], options);
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}${made.error ?? ''}`);
    const args = ['-D', data, '-p', String(postgres.port), '-h', '127.0.0.1', '-k', postgres.folder];
    postgres.child = spawn(join(binaries, 'postgres'), args, { ...options, stdio: 'ignore' });
    process.on('exit', () => postgres.child.kill('SIGQUIT'));
    await untilListening(postgres.port);
    return postgres;
  }

  /** The journal's URL. The database is the one that is always there. */
  get url() {
    return `postgres://evergrain@127.0.0.1:${this.port}/postgres`;
  }

  async stop() {
    const exit = once(this.child, 'exit');
    this.child.kill('SIGQUIT');
    await exit;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Waits until something takes connections on a port of this machine. */
export async function untilListening(port) {
  const deadline = Date.now() + readyMs;
  while (Date.now() < deadline) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(() => true, () => false);
    socket.destroy();
    if (isOpen) return;
    await pause(50);
  }
  throw new Error(`Nothing listens on port ${port} after ${readyMs} ms`);
}
