// The official SDK's WebSocket client, wrapped so that every event it receives is checked against the schemas.
import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { setTimeout as pause } from 'node:timers/promises';
import { assertEvent } from './schema.mjs';
import { assertStream, isTerminal } from './stream.mjs';

const turnMs = 60_000;

/** The SDK's HTTP client for a server; it never retries, so that a test sees what the server said. */
export const sdk = (server, apiKey = 'sk-none') => new OpenAI({ baseURL: server.baseUrl, apiKey, maxRetries: 0 });

export const user = (text) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] });
export const answer = (call, output) => ({ type: 'function_call_output', call_id: call.call_id, output });

/** A function tool in the Responses API's form. */
export const tool = (name) => ({
  type: 'function',
  name,
  description: `The tool ${name}.`,
  parameters: { type: 'object', properties: { value: { type: 'string' } }, additionalProperties: true },
  strict: false,
});

/** One socket, one response at a time. */
export class Socket {
  #waiting = [];
  #arrived = [];

  /** Opens a socket; rejects with the SDK's error if the handshake is refused. */
  static async open(client) {
    const socket = new Socket();
    socket.ws = new ResponsesWS(client);
    socket.ws.on('event', (event) => socket.#take({ event }));
    await new Promise((resolve, reject) => {
      socket.ws.socket.on('open', resolve);
      socket.ws.on('error', reject);
      socket.ws.on('close', (code) => {
        socket.#take({ failure: new Error(`the socket closed with ${code}`) });
        reject(new Error(`closed with ${code}`));
      });
    });
    return socket;
  }

  get isOpen() {
    return this.ws.socket.readyState === 1;
  }

  send(event) {
    this.ws.send(event);
  }

  sendRaw(text) {
    this.ws.sendRaw(text);
  }

  #take(arrival) {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(arrival);
    else this.#arrived.push(arrival);
  }

  /** The next event, in order of arrival, checked by itself. Rejects if the socket closes instead. */
  async next() {
    const { event, failure } = this.#arrived.shift() ?? await new Promise((resolve) => {
      const late = () => resolve({ failure: new Error(`no event within ${turnMs} ms`) });
      const timer = setTimeout(late, turnMs);
      this.#waiting.push((arrival) => {
        clearTimeout(timer);
        resolve(arrival);
      });
    });
    if (failure) throw failure;
    assertEvent(event);
    return event;
  }

  /** Reads events up to the terminal one and checks them as a whole; an error frame is a result of its own. */
  async result(started = []) {
    const events = [...started];
    do events.push(await this.next()); while (!isTerminal(events.at(-1)));
    const last = events.at(-1);
    if (last.type === 'error') {
      if (events.length > 1) throw new Error(`an error frame after ${events.length - 1} events of a response`);
      return { error: last.error, status: last.status, events };
    }
    assertStream(events);
    return { response: last.response, events, type: last.type };
  }

  /** Sends a create for the model `demo` and reads what comes of it. */
  async create(fields) {
    this.send({ type: 'response.create', model: 'demo', ...fields });
    return this.result();
  }

  /** Sends a create that must complete, and returns its response. */
  async complete(fields) {
    const result = await this.create(fields);
    if (result.response?.status !== 'completed') {
      throw new Error(`not completed: ${JSON.stringify(result.error ?? result.response)}`);
    }
    return result.response;
  }

  /** Throws if anything arrives within a short while: between turns a client reads the next frame as its answer. */
  async assertSilent(milliseconds = 100) {
    await pause(milliseconds);
    if (this.#arrived.length > 0) throw new Error(`unasked: ${JSON.stringify(this.#arrived)}`);
  }

  /** Closes the socket and waits, for a while, until the server agreed. */
  async close() {
    if (this.ws.socket.readyState === 3) return;
    const closed = new Promise((resolve) => { this.ws.on('close', resolve); });
    this.ws.close();
    await Promise.race([closed, pause(2_000, null, { ref: false })]);
  }
}
