// Model servers of several kinds, each with its own way to answer, private things on its answers, and rules. Every one
// takes a conversation over from the others, wants its own private things back, and refuses those of another.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { responsesAnswer, responsesComplaints } from './sealing-server.mjs';
import { strictComplaints } from './strict-rules.mjs';

/** What no other server may see; it is made in `secret` and found by this. */
const secretPattern = /secret-[a-z.]+-\d+/g;

const chunk = (delta, finish = null) => ({ choices: [{ index: 0, delta, finish_reason: finish }] });
const called = (call) => ({ type: 'function', function: { name: 'look', arguments: call.arguments } });
const usage = { prompt_tokens: 90, completion_tokens: 9, total_tokens: 99 };

/**
 * The kinds. `call` gives the chunks of an answer that thinks and calls a tool, `say` those of a text; `returned` says
 * what is wrong with a message of the history whose call this server made, `foreign` with another server's.
 */
const kinds = {
  mistral: {
    idOf: (number) => `mistral${String(number).padStart(2, '0')}`,
    call: (call) => [
      chunk({ role: 'assistant', content: [{ type: 'thinking', thinking: [{ type: 'text', text: call.thought }] }] }),
      { ...chunk({ content: '', tool_calls: [{ id: call.id, ...called(call) }] }, 'tool_calls'), usage },
    ],
    returned: (message, made, given) => (made.id === given.id ? [] : [`the call ${given.id} came back as ${made.id}`]),
  },
  gemini: {
    idOf: (number) => `function-call-${number}`,
    call: (call) => [
      chunk({ role: 'assistant', tool_calls: [
        { id: call.id, ...called(call), extra_content: { google: { thought_signature: call.secret } } }] }),
      chunk({}, 'stop'), { choices: [], usage },
    ],
    returned: (message, made, given) => signed(made, given.secret),
    foreign: (message, made) => signed(made, 'skip_thought_signature_validator'),
  },
  deepseek: {
    idOf: () => 'call_0', // The same for every call: it counts them anew in each answer.
    call: (call) => [
      chunk({ role: 'assistant', content: null, reasoning_content: '' }), chunk({ reasoning_content: call.thought }),
      chunk({ tool_calls: [{ index: 0, id: call.id, ...called({ arguments: '' }) }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: call.arguments } }] }),
      { ...chunk({ content: '' }, 'tool_calls'), usage: { ...usage, prompt_cache_hit_tokens: 64 } },
    ],
    returned: (message, made, given) => thought(message, given.thought),
    foreign: (message) => (typeof message.reasoning_content === 'string' ? [] : ['reasoning_content is missing']),
  },
  'llama.cpp': {
    idOf: (number) => `LlamaCallNumber${String(number).padStart(17, '0')}`,
    closes: true,
    product: 'llama.cpp',
    call: (call) => [
      chunk({ role: 'assistant', content: null }), ...[...call.thought].map((c) => chunk({ reasoning_content: c })),
      chunk({ tool_calls: [{ index: 0, id: call.id, ...called({ arguments: '{' }) }] }),
      ...[...call.arguments.slice(1)].map((c) => chunk({ tool_calls: [{ index: 0, function: { arguments: c } }] })),
      chunk({}, 'tool_calls'), { choices: [], usage, timings: { cache_n: 64 } },
    ],
    returned: (message, made, given) => thought(message, given.thought),
  },
  openrouter: {
    idOf: (number) => `tool_look_${number}`,
    call: (call) => [
      chunk({ role: 'assistant', content: '', reasoning: call.thought, reasoning_details: [detail(call)] }),
      chunk({ tool_calls: [{ index: 0, id: call.id, ...called(call) }] }), chunk({}, 'tool_calls'),
      { choices: [], usage: { ...usage, cost: 0.001 } },
    ],
    returned: (message, made, given) => (JSON.stringify(message.reasoning_details) === JSON.stringify([detail(given)])
      ? [] : [`reasoning_details came back as ${JSON.stringify(message.reasoning_details)}`]),
  },
};

const detail = ({ secret }) => (
  { type: 'reasoning.encrypted', data: secret, id: 'rd_1', format: 'google-gemini-v1', index: 0 });

function thought({ reasoning_content: told }, text) {
  return told === text ? [] : [`reasoning_content is ${JSON.stringify(told)}`];
}

function signed(call, signature) {
  const told = call.extra_content?.google?.thought_signature;
  return told === signature ? [] : [`the call ${call.id} has the signature ${told}, not ${signature}`];
}

/**
 * The servers of a tour and their kinds: one of each, one that speaks the Responses API and seals its thoughts, and
 * others of a kind that was there, which are as foreign to it as the rest.
 */
export const kindOf = { ...Object.fromEntries(Object.keys(kinds).map((kind) => [kind, kind])), responses: 'responses',
  'gemini.other': 'gemini', 'responses.other': 'responses' };

export class DialectServer {
  #http = createServer((request, response) => {
    this.#handle(request, response).catch((error) => {
      this.violations.push(`the server itself failed: ${error.stack}`);
      response.destroy();
    });
  });
  #given = [];

  /** The bodies that were taken, in order. */
  requests = [];
  /** What requests broke of the server's rules; a test wants none. */
  violations = [];
  /** Whether it does without its thoughts, and answers a GET only once it shows what it is. */
  isHidden = false;
  shows = false;

  static async start(name) {
    const server = new DialectServer();
    server.name = name;
    server.kind = kindOf[name];
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.#http.address().port}/v1`;
  }

  async stop() {
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  async #handle(request, response) {
    const { product, closes } = kinds[this.kind] ?? {};
    if (product) response.setHeader('server', product);
    if (request.method === 'GET') {
      if (this.isHidden && !this.shows) request.socket.destroy();
      else response.writeHead(404).end();
      return;
    }
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
    const body = JSON.parse(text);
    const complaints = [...this.#complaints(body), ...this.#secretComplaints(text)];
    if (complaints.length > 0) {
      this.violations.push(...complaints.map((complaint) => `${complaint}\n${text}`));
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: complaints.join('; '), type: 'invalid_request_error' } }));
      return;
    }
    this.requests.push(body);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const { socket } = response;
    response.end(this.#answer(body), () => {
      if (closes) socket.end();
    });
  }

  #complaints(body) {
    if (this.kind === 'responses') return responsesComplaints(body, this.#given);
    const rules = kinds[this.kind];
    return [...strictComplaints(body, this.kind), ...(body.messages ?? []).flatMap((message) => (
      (message.tool_calls ?? []).flatMap((made) => {
        const given = this.#given.find(({ arguments: own }) => own === made.function?.arguments);
        if (given && !this.isHidden) return rules.returned(message, made, given);
        return rules.foreign?.(message, made) ?? [];
      })))];
  }

  /** The secrets of its own calls in this context are all there, and no others. */
  #secretComplaints(text) {
    const told = new Set(text.match(secretPattern) ?? []);
    const own = this.#given.filter(({ arguments: made }) => text.includes(JSON.stringify(made)))
      .map(({ secret }) => secret);
    const seals = ['gemini', 'openrouter', 'responses'].includes(this.kind);
    return [
      ...[...told].filter((secret) => !own.includes(secret)).map((secret) => `${secret} is no own one of this context`),
      ...own.filter((secret) => seals && !told.has(secret)).map((secret) => `${secret} did not come back`),
    ];
  }

  #answer(body) {
    const last = (body.messages ?? body.input).at(-1);
    const isOutput = last.role === 'tool' || last.type === 'function_call_output';
    if (this.kind === 'responses') return responsesAnswer(this.name, isOutput ? null : this.#make());
    const chunks = isOutput
      ? [chunk({ role: 'assistant', content: `${this.name} ` }), chunk({ content: 'saw it' }), chunk({}, 'stop')]
      : kinds[this.kind].call(this.#make());
    return `${chunks.map((one) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', ...one })}\n\n`)
      .join('')}data: [DONE]\n\n`;
  }

  /** A new call with all that goes with it. Its arguments tell whose it is. */
  #make() {
    const number = this.#given.length + 1;
    const given = {
      id: kinds[this.kind]?.idOf(number) ?? `call_${this.name}_${number}`,
      secret: `secret-${this.name}-${number}`,
      thought: `${this.name} thinks of ${number} 😀`,
      arguments: JSON.stringify({ by: this.name, number }),
    };
    this.#given.push(given);
    return given;
  }
}
