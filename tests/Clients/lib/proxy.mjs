// A proxy that stands between a real client and the server, forwards frames and plain requests, and remembers them.
import { createServer, request as send } from 'node:http';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';

const hopHeaders = /^(host|connection|upgrade|sec-websocket-)/;
const terminal = new Set(['response.completed', 'response.incomplete', 'response.failed', 'error']);

export class RecordingProxy {
  #http = createServer((request, response) => this.#exchange(request, response));
  #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 0 });
  #open = new Set();

  /**
   * Plain HTTP requests that came, in order: `{method, path, headers, body, status, answer}`, the body parsed, the
   * answer as text once it is over. A client that gave up on WebSocket shows here.
   */
  requests = [];
  /**
   * Asked about each frame of the server's, once it is on its way to the client: `closed` closes both sockets there,
   * `half-open` that of the client alone, as where the network forgot it. Frames behind it reach nobody.
   */
  cutAfter = () => null;
  /** One entry per socket: the handshake's path and headers, and frames in order, `{fromClient, json}`. */
  connections = [];

  static async start(server) {
    const proxy = new RecordingProxy();
    proxy.target = server.port;
    proxy.#http.on('upgrade', (request, socket, head) => proxy.#upgrade(request, socket, head));
    proxy.#http.listen(0, '127.0.0.1');
    await once(proxy.#http, 'listening');
    proxy.port = proxy.#http.address().port;
    return proxy;
  }

  get baseUrl() {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  async stop() {
    this.#open.forEach((socket) => socket.terminate());
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  async #exchange(request, response) {
    const { method, url: path, headers } = request;
    const entry = { method, path, headers, body: null, status: null, answer: null };
    this.requests.push(entry);
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    entry.body = bytes.length > 0 ? JSON.parse(bytes.toString()) : null;
    const upstream = send({ host: '127.0.0.1', port: this.target, method, path, headers });
    upstream.on('error', () => response.destroy());
    upstream.on('response', (answer) => {
      const told = [];
      entry.status = answer.statusCode;
      response.writeHead(answer.statusCode, answer.headers);
      answer.on('data', (piece) => told.push(piece));
      const keep = () => { entry.answer = Buffer.concat(told).toString(); };
      answer.on('end', keep);
      answer.on('close', keep); // Codex leaves an event stream at its last event.
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    response.on('close', () => upstream.destroy());
    upstream.end(bytes);
  }

  #upgrade(request, socket, head) {
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !hopHeaders.test(name)));
    const options = { headers, perMessageDeflate: false, maxPayload: 0 };
    const upstream = new WebSocket(`ws://127.0.0.1:${this.target}${request.url}`, options);
    const refuse = (status) => socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: 0\r\n\r\n`);
    upstream.once('unexpected-response', (_, response) => refuse(response.statusCode));
    upstream.once('error', () => refuse(502));
    upstream.once('open', () => {
      this.#sockets.handleUpgrade(request, socket, head, (client) => this.#join(request, client, upstream));
    });
  }

  #join(request, client, upstream) {
    const connection = { path: request.url, headers: request.headers, frames: [], cut: null };
    this.connections.push(connection);
    this.#forward(connection, client, upstream, true);
    this.#forward(connection, upstream, client, false);
  }

  #forward(connection, from, to, fromClient) {
    this.#open.add(from);
    from.on('message', (data, isBinary) => {
      if (connection.cut) return;
      const json = JSON.parse(data.toString());
      connection.frames.push({ fromClient, json });
      connection.cut = fromClient ? null : this.cutAfter(json);
      to.send(data, { binary: isBinary }, () => { if (connection.cut) this.#cut(connection, to, from); });
    });
    from.on('error', () => to.terminate());
    from.on('close', (code, reason) => {
      this.#open.delete(from);
      if (connection.cut) return;
      const sayable = code === 1000 || (code >= 1001 && code <= 1014 && ![1004, 1005, 1006].includes(code));
      if (sayable) to.close(code, reason);
      else to.terminate();
    });
  }

  #cut({ cut }, client, upstream) {
    client.terminate();
    if (cut === 'closed') upstream.terminate();
    else upstream.pause();
  }

  /** Closes what is still open of sockets that were cut. */
  forget() {
    this.#open.forEach((socket) => { if (socket.isPaused) socket.terminate(); });
  }

  /** Closes every open socket as a server that goes away does, and waits until both ends know. */
  async drop() {
    const gone = [...this.#open].map((socket) => once(socket, 'close'));
    this.#open.forEach((socket) => socket.close(1012));
    await Promise.all(gone);
  }

  /** Every create with the events that answered it, in order: `{connection, create, events, last}`. */
  turns() {
    return this.connections.flatMap((connection, index) => turnsOf(connection, index));
  }
}

function turnsOf(connection, index) {
  const turns = [];
  let answered = 0;
  for (const { fromClient, json } of connection.frames) {
    if (fromClient && json.type === 'response.create') {
      turns.push({ connection: index, create: json, events: [], last: null });
    } else if (!fromClient && !json.type.startsWith('evergrain:')) {
      const turn = turns[answered];
      turn.events.push(json);
      if (terminal.has(json.type)) {
        turn.last = json;
        answered += 1;
      }
    }
  }
  return turns;
}
