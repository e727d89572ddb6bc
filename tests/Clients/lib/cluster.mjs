// A cluster as a site runs one: silos and two frontends, each a process of the built program, on one PostgreSQL.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Postgres } from './postgres.mjs';
import { freePort } from './server.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const built = resolve(root, 'src/Silo/bin/Release/net10.0/evergrain.dll');
const readyMs = 120_000;
const stopMs = 90_000;

/** The key of a cluster's clients. */
export const clusterKey = 'sk-cluster';

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

class Member {
  #log = '';

  static async start(role, journalUrl, settings) {
    const member = new Member();
    member.port = await freePort();
    const ports = role === 'silo' ? ['--silo-port', await freePort(), '--gateway-port', await freePort()] : [];
    // Frontends stand behind a proxy, so they need keys. Silos do not.
    const keys = role === 'frontend' ? ['--api-key', clusterKey] : [];
    const args = [built, '--role', role, '--port', member.port, ...ports, ...keys].map(String);
    const env = { ...process.env, ...settings, Evergrain__JournalUrl: journalUrl };
    member.child = spawn('dotnet', args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    children.add(member.child);
    member.child.on('exit', () => children.delete(member.child));
    for (const stream of [member.child.stdout, member.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { member.#log = (member.#log + text).slice(-100_000); });
    }
    const deadline = Date.now() + readyMs;
    while (Date.now() < deadline && member.child.exitCode === null) {
      const answer = await fetch(`http://127.0.0.1:${member.port}/health/ready`).catch(() => null);
      if (answer?.status === 200) return member;
      await pause(50);
    }
    member.child.kill('SIGKILL');
    throw new Error(`A ${role} was not ready within ${readyMs} ms:\n${member.#log}`);
  }

  /** Items that it has validated, rendered and counted. */
  async counters() {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    const sum = (verb) => [...text.matchAll(
      new RegExp(`^evergrain_items_${verb}(?:_total)?(?:\\{[^}]*\\})? ([0-9.eE+-]+)`, 'gm'))]
      .reduce((total, match) => total + Number(match[1]), 0);
    return { validated: sum('validated'), rendered: sum('rendered'), counted: sum('counted') };
  }

  /** Throws if it does not stop as it should. */
  async stop() {
    const exit = this.child.exitCode === null ? once(this.child, 'exit') : [this.child.exitCode];
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), stopMs);
    const [code] = await exit;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`It ended with ${code}:\n${this.#log}`);
  }
}

export class Cluster {
  members = [];

  /**
   * @param {number} silos how many
   * @param {Record<string, string>} settings variables of every process
   */
  static async start(silos, settings = {}) {
    const cluster = new Cluster();
    cluster.settings = settings;
    cluster.postgres = await Postgres.start();
    try {
      for (let count = 0; count < silos; count += 1) await cluster.#add('silo');
      cluster.silos = [...cluster.members];
      cluster.frontends = [await cluster.#add('frontend'), await cluster.#add('frontend')];
      return cluster;
    } catch (error) {
      await cluster.stop().catch(() => {});
      throw error;
    }
  }

  async #add(role) {
    const member = await Member.start(role, this.postgres.url, this.settings);
    this.members.push(member);
    return member;
  }

  /** Items validated, rendered and counted by all silos, those that are gone among them. */
  async counters() {
    const counts = await Promise.all(this.silos.map((silo) => silo.last ?? silo.counters()));
    const sum = (verb) => counts.reduce((total, count) => total + count[verb], 0);
    return { validated: sum('validated'), rendered: sum('rendered'), counted: sum('counted') };
  }

  /** Stops the silo that has done the most, as SIGTERM does, and keeps what it counted last. */
  async drainBusiest() {
    const counts = await Promise.all(this.silos.map((silo) => silo.counters()));
    const rendered = counts.map((count) => count.rendered);
    const silo = this.silos[rendered.indexOf(Math.max(...rendered))];
    this.members = this.members.filter((member) => member !== silo);
    let isGone = false;
    const stopping = silo.stop().finally(() => { isGone = true; });
    while (!isGone) {
      silo.last = await silo.counters().catch(() => silo.last);
      await pause(5);
    }
    await stopping;
  }

  /** Frontends first: silos that go hold no turn any more. */
  async stop() {
    try {
      for (const member of this.members.reverse()) await member.stop();
    } finally {
      await this.postgres.stop();
    }
  }
}
