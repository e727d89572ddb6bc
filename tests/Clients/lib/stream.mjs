// Checks the events of one response against each other: numbers, order, and that deltas, parts and items agree.
import { isDeepStrictEqual } from 'node:util';
import { eventComplaints } from './schema.mjs';

const terminal = ['response.completed', 'response.incomplete', 'response.failed'];
const wholeText = {
  'response.output_text.done': 'text',
  'response.refusal.done': 'refusal',
  'response.function_call_arguments.done': 'arguments',
  'response.custom_tool_call_input.done': 'input',
  'response.reasoning_summary_text.done': 'text',
  'response.reasoning_text.done': 'text',
};

export const isTerminal = (event) => terminal.includes(event.type) || event.type === 'error';

/** Throws if the events of a whole response, from `response.created` to the terminal one, contradict each other. */
export function assertStream(events) {
  const complaints = streamComplaints(events);
  if (complaints.length > 0) {
    const told = events.map((event) => JSON.stringify(event)).join('\n');
    throw new Error(`${complaints.join('\n')}\nin the stream\n${told}`);
  }
}

export function streamComplaints(events) {
  const shapes = events.flatMap(eventComplaints);
  if (shapes.length > 0) return shapes;
  return [
    ...numberComplaints(events),
    ...frameComplaints(events),
    ...itemComplaints(events),
    ...textComplaints(events),
  ];
}

function numberComplaints(events) {
  const wrong = events.findIndex((event, index) => event.sequence_number !== index);
  return wrong < 0 ? [] : [`event ${wrong} has sequence_number ${events[wrong].sequence_number}`];
}

function frameComplaints(events) {
  const types = events.map((event) => event.type);
  const ids = new Set(events.filter((event) => event.response).map((event) => event.response.id));
  const rules = [
    [types[0] === 'response.created', `the first event is ${types[0]}`],
    [types.indexOf('response.in_progress') > 0, 'there is no response.in_progress after response.created'],
    [terminal.includes(types.at(-1)), `the last event is ${types.at(-1)}`],
    [types.filter((type) => terminal.includes(type)).length === 1, 'there is not exactly one terminal event'],
    [types.filter((type) => type === 'response.created').length === 1, 'response.created comes more than once'],
    [ids.size === 1, `the events name the responses ${[...ids].join(', ')}`],
  ];
  return rules.filter(([holds]) => !holds).map(([, complaint]) => complaint);
}

/** Items are added in order, each is done before the next, and the last response holds exactly the done items. */
function itemComplaints(events) {
  const done = [];
  let open = null;
  for (const event of events) {
    if (event.type === 'response.output_item.added') {
      if (open !== null) return [`item ${event.item.id} is added while ${open.id} is open`];
      if (event.output_index !== done.length) return [`item ${event.item.id} has index ${event.output_index}`];
      open = event.item;
    } else if (event.type === 'response.output_item.done') {
      if (open?.id !== event.item.id) return [`item ${event.item.id} is done but was not open`];
      done.push(event.item);
      open = null;
    } else if (event.item_id !== undefined && (event.item_id !== open?.id || event.output_index !== done.length)) {
      return [`${event.type} names item ${event.item_id} at ${event.output_index}, not the open one`];
    }
  }
  const output = events.at(-1).response?.output ?? [];
  return isDeepStrictEqual(output, done) ? [] : ['the last response.output is not the items that were done'];
}

/** The deltas of a text add up to its `done`, and the item holds that text. */
function textComplaints(events) {
  const complaints = [];
  let gathered = '';
  let whole = [];
  for (const event of events) {
    if (event.type.endsWith('.delta')) {
      gathered += event.delta;
    } else if (event.type in wholeText) {
      const text = event[wholeText[event.type]];
      if (text !== gathered) complaints.push(`${event.type} of ${event.item_id} is not the sum of its deltas`);
      gathered = '';
      whole.push(text);
    } else if (event.type === 'response.output_item.done') {
      const texts = textsOf(event.item);
      if (!isDeepStrictEqual(texts, whole)) complaints.push(`item ${event.item.id} does not hold what was streamed`);
      whole = [];
    }
  }
  return complaints;
}

function textsOf(item) {
  if (item.type === 'function_call') return [item.arguments];
  if (item.type === 'custom_tool_call') return [item.input];
  if (item.type === 'compaction') return [];
  const parts = [...(item.summary ?? []), ...(item.content ?? [])];
  return parts.map((part) => part.text ?? part.refusal);
}
