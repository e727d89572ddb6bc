// A chat-completions server that plays scripts, streams in small pieces, and refuses what a strict server refuses.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { chatComplaints } from './chat-rules.mjs';
import { nextAnswer } from './chat-script.mjs';

/** Code points a chunk holds: few, so that arguments split inside their escapes, as real servers split them. */
const pieceChars = 5;
// Where servers of single kinds say what they are.
const probes = ['/props', '/api/version', '/get_server_info', '/version'];
const statusOf = { rate_limit_exceeded: 429, invalid_api_key: 401, model_not_found: 404, server_is_overloaded: 503 };

export class ChatServer {
  #http = createServer((request, response) => {
    this.#handle(request, response).catch((error) => {
      this.violations.push(`the server itself failed: ${error.stack}`);
      response.destroy();
    });
  });
  #calls = 0;
  #options;

  /** Every completion asked for, in order: `{headers, bytes, body, answered}`. */
  requests = [];
  /** What requests broke of the API's rules; a test wants none. */
  violations = [];
  /** Refusals to give before anything else, one a completion: `{status, code, headers}`. */
  refusals = [];

  /**
   * @param {{model?: string, apiKey?: string, complaints?: (body: unknown) => string[], closes?: boolean}} options the
   *   one model it has, the key it wants, if any, what it refuses, and whether it closes the connection right behind a
   *   streamed answer although it said that it keeps it
   */
  static async start(options = {}) {
    const server = new ChatServer();
    server.#options = { model: 'demo', complaints: chatComplaints, closes: false, ...options };
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get baseUrl() {
    return `http://127.0.0.1:${this.#http.address().port}/v1`;
  }

  async stop() {
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  /** Complaints about requests that do not begin with all messages of the one before, as one growing context does. */
  prefixComplaints() {
    const told = this.requests.map(({ body }) => body.messages.map((message) => JSON.stringify(message)));
    return told.slice(1).flatMap((messages, index) => {
      const differs = told[index].findIndex((text, place) => text !== messages[place]);
      return differs < 0 ? [] : [`request ${index + 1} has another messages[${differs}] than the one before:
${told[index][differs]}\n${messages[differs]}`];
    });
  }

  async #handle(request, response) {
    const { apiKey } = this.#options;
    if (apiKey && request.headers.authorization !== `Bearer ${apiKey}`) {
      return refuse(response, 401, 'invalid_api_key', 'Incorrect API key provided.');
    }
    const path = new URL(request.url, 'http://localhost').pathname;
    if (request.method === 'GET' && path === '/v1/models') return this.#listModels(response);
    if (request.method === 'POST' && path === '/v1/chat/completions') return this.#complete(request, response);
    if (!probes.includes(path)) this.violations.push(`${request.method} ${request.url} was asked for`);
    return refuse(response, 404, 'unknown_url', `Unknown request URL: ${request.method} ${request.url}.`);
  }

  #listModels(response) {
    const model = { id: this.#options.model, object: 'model', created: 1_790_000_000, owned_by: 'tests' };
    sendJson(response, 200, { object: 'list', data: [model] });
  }

  async #complete(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    const body = JSON.parse(bytes.toString('utf8'));
    const complaints = this.#options.complaints(body);
    if (complaints.length > 0) {
      this.violations.push(...complaints);
      return refuse(response, 400, 'invalid_request', complaints.join('; '));
    }
    const refusal = this.refusals.shift();
    if (refusal) {
      for (const [name, value] of Object.entries(refusal.headers ?? {})) response.setHeader(name, value);
      return refuse(response, refusal.status, refusal.code, 'Not now.');
    }
    if (body.model !== this.#options.model) {
      return refuse(response, 404, 'model_not_found', `The model ${body.model} does not exist.`);
    }
    const entry = { headers: request.headers, bytes: bytes.length, body, answered: false };
    this.requests.push(entry);
    const answer = nextAnswer(body);
    await pause(answer.delayMs);
    if (answer.failure?.afterEvents === 0) {
      const { code } = answer.failure;
      return refuse(response, statusOf[code] ?? 500, code, 'The script asked for this failure.');
    }
    await this.#stream(response, body, answer);
    entry.answered = true;
    return undefined;
  }

  async #stream(response, body, answer) {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    const head = { id: `chatcmpl-${this.requests.length}`, object: 'chat.completion.chunk',
      created: Math.floor(Date.now() / 1000), model: body.model, system_fingerprint: 'fp_tests' };
    const wantsUsage = body.stream_options?.include_usage === true;
    const say = async (choices, more) => {
      response.write(`data: ${JSON.stringify({ ...head, choices, ...more })}\n\n`);
      if (answer.chunkMs > 0) await pause(answer.chunkMs);
    };
    let events = 0;
    for (const { delta, finish = null } of this.#deltas(answer)) {
      if (response.destroyed) return;
      if (answer.failure && events === answer.failure.afterEvents) return breakOff(response, answer.failure.code);
      await say([{ index: 0, delta, logprobs: null, finish_reason: finish }], wantsUsage ? { usage: null } : {});
      events += 1;
    }
    if (wantsUsage) await say([], { usage: this.#usage(answer) });
    const { socket } = response;
    response.end('data: [DONE]\n\n', () => {
      if (this.#options.closes) socket.end();
    });
  }

  * #deltas(answer) {
    yield { delta: { role: 'assistant', content: answer.calls.length > 0 ? null : '' } };
    for (const piece of piecesOf(answer.reasoning)) yield { delta: { reasoning_content: piece } };
    for (const piece of piecesOf(answer.content)) yield { delta: { content: piece } };
    let index = 0;
    for (const call of answer.calls) {
      this.#calls += 1;
      const id = `call_${String(this.#calls).padStart(24, '0')}`;
      yield { delta: { tool_calls: [{ index, id, type: 'function', function: { name: call.name, arguments: '' } }] } };
      for (const piece of piecesOf(call.arguments)) {
        yield { delta: { tool_calls: [{ index, function: { arguments: piece } }] } };
      }
      index += 1;
    }
    // A failing script has one delta more than it lets out, whatever it counts.
    while (answer.failure) yield { delta: { content: '.' } };
    yield { delta: {}, finish: answer.finish };
  }

  #usage(answer) {
    const [previous, current] = [this.requests.at(-2), this.requests.at(-1)].map((one) => tokensOf(one?.body.messages));
    const said = answer.content + answer.reasoning + answer.calls.map((call) => call.name + call.arguments).join('');
    const completion = tokensOf(said);
    return {
      prompt_tokens: current,
      completion_tokens: completion,
      total_tokens: current + completion,
      prompt_tokens_details: { cached_tokens: Math.min(previous, current), audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: tokensOf(answer.reasoning) },
      ...answer.usage,
    };
  }
}

/** About four characters a token, as models count. */
const tokensOf = (value) => (value ? Math.ceil(JSON.stringify(value).length / 4) : 0);

function piecesOf(text) {
  const chars = [...text];
  const count = Math.ceil(chars.length / pieceChars);
  return Array.from({ length: count }, (_, at) => chars.slice(at * pieceChars, (at + 1) * pieceChars).join(''));
}

function breakOff(response, code) {
  const error = { message: 'The script asked for this failure.', type: 'server_error', param: null, code };
  response.end(`data: ${JSON.stringify({ error })}\n\n`);
}

function refuse(response, status, code, message) {
  const type = status < 500 ? 'invalid_request_error' : 'server_error';
  sendJson(response, status, { error: { message, type, param: null, code } });
}

function sendJson(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
