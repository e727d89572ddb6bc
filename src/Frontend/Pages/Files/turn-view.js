// Shows one turn: what went in, what came out while it comes, where its time went, and what can be done with it.
import { counted, inMs, make } from './dom.js';
import { phaseBar, phaseDetails, serverTime } from './phases.js';

const SHORT_CHARS = 120;

/** The element of a turn, kept up to date by its methods. */
export class TurnView {
  #turn;
  #status = make('span', { class: 'status' }, 'running');
  #output = make('div', { class: 'output' });
  #times = make('div', { class: 'times' });
  #actions = make('div', { class: 'actions' });
  #parts = new Map();

  constructor(turn) {
    this.#turn = turn;
    const { number, parent } = turn;
    const isFork = parent && parent.number !== number - 1;
    const origin = parent ? `${isFork ? 'fork of' : 'continues'} turn ${parent.number}` : 'begins a conversation';
    this.element = make('li', { class: isFork ? 'turn fork' : 'turn', id: `turn-${number}` },
      make('h3', {}, `Turn ${number} `, make('small', {}, origin), ' ', this.#status),
      ...turn.input.map(showInput), this.#output, this.#times, this.#actions);
  }

  event({ type, output_index: index, item, delta }) {
    if (type === 'response.output_item.added') this.#add(index, item);
    else if (delta !== undefined) this.#parts.get(index)?.appendData(delta);
    else if (type === 'response.output_item.done' && item.arguments) this.#parts.get(index).data = item.arguments;
  }

  cut() {
    this.#times.append(make('p', { class: 'cut' }, `The socket was cut behind event ${this.#turn.cutAfter}; ` +
      'the events behind it are read over HTTP.'));
  }

  /** Shows how it ended. `fork` is what its button does. */
  end(fork) {
    const { id, status, error, timing, number, cutAfter, last } = this.#turn;
    this.#status.textContent = status;
    this.#status.classList.add(status);
    if (error) this.#output.append(make('p', { role: 'alert', class: 'error' }, error));
    if (timing) this.#showTimes(timing);
    else if (cutAfter !== null) {
      this.#times.append(make('p', {}, `Over HTTP came ${counted(last - cutAfter, 'event')}, up to the last ` +
        `one, number ${last}. The server tells times only where the whole turn was read.`));
    }

    if (!id) return;
    this.#actions.append(make('button', { type: 'button', class: 'fork-button', onclick: fork },
      `Fork from turn ${number}`), ' ',
    make('a', { href: `inspect?id=${encodeURIComponent(id)}` }, `Inspect turn ${number}`), ' ',
    make('code', { class: 'id' }, id));
  }

  #add(index, item) {
    const text = document.createTextNode('');
    this.#parts.set(index, text);
    this.#output.append(item.type === 'function_call'
      ? make('p', { class: 'call' }, make('b', {}, `calls ${item.name} `), make('code', {}, text))
      : item.type === 'message' ? make('p', { class: 'text' }, text)
      : make('details', { open: true }, make('summary', {}, item.type), make('p', { class: 'text' }, text)));
  }

  #showTimes(timing) {
    const waits = timing.tools.map(({ name, waited_ms: ms }) => `${name} ${inMs(ms)}`);
    this.#times.append(
      phaseBar(timing, `Turn ${this.#turn.number}`),
      make('p', {}, make('b', {}, inMs(timing.total_ms)), ' in all, ', make('b', {}, inMs(serverTime(timing))),
        ' of it the server’s own', waits.length > 0 ? `. Before it a tool was waited for: ${waits.join(', ')}` : ''),
      phaseDetails(timing));
  }
}

function showInput({ type, content, output }) {
  if (type === 'function_call_output') return folded('tool output', output);
  const [words, script] = content.split('\n@@script ');
  const message = make('p', { class: 'user text' }, words);
  if (script) message.append(make('small', {}, ` with a script for the demo model`));
  return message;
}

function folded(name, text) {
  const short = text.length <= SHORT_CHARS ? text : `${text.slice(0, SHORT_CHARS)}…`;
  return text === short && !text.includes('\n')
    ? make('p', { class: 'call' }, make('b', {}, `${name} `), make('code', {}, text))
    : make('details', { class: 'call' }, make('summary', {}, `${name}, ${counted(text.length, 'character')}`),
      make('pre', { tabIndex: 0 }, text));
}
