// Real web pages in Chromium: one of an origin in AllowedOrigins, and one of another. Left out where there is no browser.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Server, freePort } from './lib/server.mjs';

const chromium = process.env.CHROMIUM ?? 'chromium';
const missing = spawnSync(chromium, ['--version'], { timeout: 20_000 }).status === 0
  ? false : 'there is no Chromium: install it, or name it in CHROMIUM';
const limits = { timeout: 180_000, skip: missing };
const pageMs = 60_000;
const apiKey = 'key-1';

if (missing) console.log(`Browser tests are left out: ${missing}`);

let server;
let allowedPort;

before(async () => {
  if (missing) return;
  allowedPort = await freePort();
  const settings = { AllowedOrigins__0: `http://localhost:${allowedPort}`, FrameBytesMax: '1048576' };
  server = await Server.start({ models: ['demo'], apiKeys: [apiKey], settings });
});
after(() => server?.stop());

/** What runs in the page. It needs `base` and `apiKey`, and gives what came of each request by name. */
async function playPage(base, apiKey) {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  const create = (more) => ({
    method: 'POST', headers, body: JSON.stringify({ model: 'demo', input: 'Hello', ...more }),
  });
  const sent = (frame) => new Promise((resolve) => {
    const protocol = `evergrain.key.${btoa(apiKey).replace(/=+$/, '')}`;
    const socket = new WebSocket(`${base.replace('http', 'ws')}/v1/responses`, [protocol]);
    socket.onopen = () => socket.send(frame);
    socket.onclose = ({ code, reason }) => resolve({ code, reason });
    socket.onmessage = ({ data }) => {
      const { type } = JSON.parse(data);
      if (type === 'response.completed' || type === 'error') resolve({ type });
    };
  });
  const requests = {
    create: async () => {
      const answer = await fetch(`${base}/v1/responses`, create());
      const { status } = await answer.json();
      return { status, hasId: answer.headers.get('x-request-id')?.startsWith('req_') };
    },
    events: async () => {
      const text = await (await fetch(`${base}/v1/responses`, create({ stream: true }))).text();
      return { isWhole: text.includes('event: response.completed\n') && text.endsWith('data: [DONE]\n\n') };
    },
    wrongKey: async () => {
      const answer = await fetch(`${base}/v1/models`, { headers: { authorization: 'Bearer wrong' } });
      return { status: answer.status, code: (await answer.json()).error.code };
    },
    unknown: async () => {
      const answer = await fetch(`${base}/v1/responses/resp_x`, { method: 'DELETE', headers });
      return { status: answer.status, code: (await answer.json()).error.code };
    },
    credentials: async () => (await fetch(`${base}/v1/models`, { headers, credentials: 'include' })).status,
    metrics: async () => (await fetch(`${base}/metrics`)).status,
    socket: () => sent(JSON.stringify({ type: 'response.create', model: 'demo', input: 'Hello' })),
    tooLong: () => sent('x'.repeat(2 << 20)),
  };
  const results = {};
  for (const [name, ask] of Object.entries(requests)) {
    results[name] = await ask().catch((error) => ({ threw: error.name }));
  }
  return results;
}

/** Opens a page of `http://localhost:PORT` and gives what it reports. */
async function openPage(port) {
  const script = `(${playPage})(${JSON.stringify(server.origin)}, ${JSON.stringify(apiKey)})`;
  const html = `<!doctype html><script type="module">
    fetch('/result', { method: 'POST', body: JSON.stringify(await ${script}) });</script>`;
  let report;
  const reported = new Promise((resolve) => { report = resolve; });
  const site = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    response.setHeader('content-type', 'text/html');
    response.end(request.method === 'GET' ? html : '');
    if (request.url === '/result') report(JSON.parse(Buffer.concat(pieces).toString()));
  }).listen(port, '127.0.0.1');
  await once(site, 'listening');
  const home = await mkdtemp(join(tmpdir(), 'evergrain-chromium-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const browser = spawn(chromium, [...flags, `--user-data-dir=${home}`, `http://localhost:${port}/`],
    { stdio: 'ignore', env: { ...process.env, HOME: home } });
  const timer = setTimeout(() => report(null), pageMs);
  try {
    const results = await reported;
    assert.ok(results, `the page reported nothing within ${pageMs} ms`);
    return results;
  } finally {
    clearTimeout(timer);
    const closed = once(browser, 'close');
    browser.kill();
    await closed;
    site.close();
    site.closeAllConnections();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

test('Page_OfAnAllowedOrigin_UsesEverythingButCredentialsAndMetrics', limits, async () => {
  assert.deepEqual(await openPage(allowedPort), {
    create: { status: 'completed', hasId: true },
    events: { isWhole: true },
    wrongKey: { status: 401, code: 'invalid_api_key' },
    unknown: { status: 404, code: 'not_found' },
    credentials: { threw: 'TypeError' },
    metrics: { threw: 'TypeError' },
    socket: { type: 'response.completed' },
    tooLong: { code: 1009, reason: 'The message is longer than FrameBytesMax, 1048576 bytes.' },
  });
});

test('Page_OfAnotherOrigin_ReadsNothing', limits, async () => {
  const results = await openPage(await freePort());
  const { socket, tooLong, ...requests } = results;
  assert.deepEqual([socket.code, tooLong.code], [1006, 1006]);
  for (const [name, result] of Object.entries(requests)) assert.deepEqual(result, { threw: 'TypeError' }, name);
});
