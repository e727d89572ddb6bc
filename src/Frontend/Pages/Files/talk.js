// A conversation: its turns, and what runs them. It knows nothing of the page.
import { cancel, openSocket, readOn } from './server.js';
import { answer, tools } from './tools.js';

// Turns that follow by themselves since a model calls tools: a model that never stops must not run for ever.
const LOOP_TURNS_MAX = 64;

const terminal = {
  'response.completed': 'completed', 'response.failed': 'failed', 'response.incomplete': 'incomplete',
};
const sizeOf = (value) => new TextEncoder().encode(JSON.stringify(value)).length;
const sizesOf = (items) => items.reduce((sum, item) => sum + sizeOf(item) + 1, 0);

/** One create and what became of it. */
export class Turn {
  id = null;
  status = 'running';
  output = [];
  timing = null;
  error = null;
  /** The number of the last event that came. */
  last = -1;
  /** How it was read: a socket that was cut goes on as HTTP. */
  cutAfter = null;

  constructor(number, parent, input, model) {
    Object.assign(this, { number, parent, input });
    this.create = { type: 'response.create', model, tools, input };
    if (parent) this.create.previous_response_id = parent.id;
    this.bytes = sizeOf(this.create);
    this.contextBytes = (parent ? parent.contextBytes + sizesOf(parent.output) : 0) + sizesOf(input);
    /** The bytes of the create that a server without conversations would need. */
    this.bytesStateless = sizeOf({ ...this.create, previous_response_id: undefined, input: [] }) + this.contextBytes;
  }

  get isEnded() {
    return this.status !== 'running';
  }

  /** The items that answer its calls; a tool runs once for each call. */
  get answers() {
    return this.ranTools ??= this.output.filter(({ type }) => type === 'function_call').map(answer);
  }

  take(event) {
    if (Number.isInteger(event.sequence_number)) this.last = event.sequence_number;
    if (event.type === 'response.created') this.id = event.response.id;
    else if (event.type === 'response.output_item.done') this.output.push(event.item);
    else if (event.type === 'evergrain:turn') this.timing = event;
    else if (event.type in terminal) {
      this.status = event.response.status === 'cancelled' ? 'cancelled' : terminal[event.type];
      this.error = event.response.error?.message ?? null;
    } else if (event.type === 'error') this.refuse(event.error?.message ?? event.message);
  }

  refuse(message) {
    this.status = 'refused';
    this.error = message;
  }
}

/** Runs turns, one at a time. `view` is told of `begin(turn)`, `event(turn, event)`, `cut(turn)`, `end(turn)`. */
export class Talk {
  turns = [];
  /** The turn that the next one continues; null: none, it begins a conversation. */
  parent = null;
  model = '';
  #view;
  #socket = null;
  #running = null;
  #cutNow = null;
  #isStopped = false;

  constructor(view) {
    this.#view = view;
  }

  /** Sends a message, and what tools give for as long as the model calls them. */
  async send(text) {
    this.#isStopped = false;
    let turn = await this.#run([...this.parent?.answers ?? [], { role: 'user', content: text }]);
    for (let i = 0; i < LOOP_TURNS_MAX && !this.#isStopped && turn.answers.length > 0; i++) {
      if (turn.status !== 'completed') break;
      turn = await this.#run(turn.answers);
    }
  }

  /** Cuts the socket in the middle of the turn that runs. The turn is read on over HTTP. */
  cut() {
    this.#cutNow?.();
  }

  /** Cancels the turn that runs; none follows it. */
  async stop() {
    this.#isStopped = true;
    if (this.#running?.id) await cancel(this.#running.id);
  }

  /** Forgets the turns in the page, and begins a conversation with the next one. */
  reset() {
    this.turns = [];
    this.parent = null;
  }

  async #run(input) {
    const turn = new Turn(this.turns.length + 1, this.parent, input, this.model);
    this.turns.push(turn);
    this.#running = turn;
    this.#view.begin(turn);
    try {
      await this.#receive(turn);
      if (!turn.isEnded) await this.#readOn(turn);
    } catch (error) {
      turn.refuse(error.message);
    }

    if (!turn.isEnded) turn.refuse('The events of the turn ended before it did.');
    if (turn.id) this.parent = turn;
    this.#running = null;
    this.#view.end(turn);
    return turn;
  }

  async #receive(turn) {
    const socket = await this.#connect();
    await new Promise((resolve) => {
      socket.onclose = resolve;
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        this.#take(turn, event);
        if (turn.timing || turn.status === 'refused') resolve();
      };
      this.#cutNow = () => {
        turn.cutAfter = turn.last;
        socket.close();
        resolve();
      };
      socket.send(JSON.stringify(turn.create));
    });
    socket.onmessage = null;
    this.#cutNow = null;
  }

  async #readOn(turn) {
    if (!turn.id) throw new Error('The connection ended before the turn began.');
    turn.cutAfter ??= turn.last;
    this.#view.cut(turn);
    for await (const event of readOn(turn.id, turn.last)) this.#take(turn, event);
  }

  #take(turn, event) {
    turn.take(event);
    this.#view.event(turn, event);
  }

  async #connect() {
    if (this.#socket?.readyState === WebSocket.OPEN) return this.#socket;
    const socket = openSocket();
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = () => reject(new Error('The server did not take the connection: is the key right?'));
    });
    return this.#socket = socket;
  }
}
