// Shows one turn in the inspector. What clients and models said is asked for when a turn is opened, and not before.
import { contextDetails } from './context-view.js';
import { inMs, inWholeMs, make } from './dom.js';
import { phaseBar, totalOf } from './phases.js';
import { getJson } from './server.js';
import { describeConnection, isReadOn } from './time-line.js';

const ITEMS_MAX = 100;

/** The element of a turn. `context` asks for its context. */
export function showTurn(turn, context) {
  const { id, number, status, items, parent, isFork, gap, timing, from, took } = turn;
  const origin = parent ? `${isFork ? 'fork of' : 'continues'} turn ${parent.number || parent.id}`
    : turn.previous_response_id ? `continues ${turn.previous_response_id}` : 'begins the conversation';
  const row = make('li', { class: isFork ? 'turn fork' : 'turn', id: `turn-${number || id}` },
    make('h3', {}, number ? `Turn ${number} ` : 'Unstored turn ', make('small', {}, origin),
      make('span', { class: `status ${status}` }, status)));
  const waits = (timing?.tools ?? []).map(({ name, waited_ms: ms }) => `${name} ${inMs(ms)}`);

  // A wait for a tool begins with its call, before the turn that makes it has ended.
  const begin = gap === null ? new Date(from).toLocaleString()
    : waits.length > 0 ? 'when its tools had answered' : `${inWholeMs(gap)} after that turn`;
  row.append(make('p', {}, `It began ${begin}`,
    ...[describeConnection(turn)].filter(Boolean).map((way) => `, ${way}`), '. ',
    waits.length > 0 ? `Tools were waited for: ${waits.join(', ')}. ` : '',
    turn.ended_at_ms === null ? 'It runs.' : `It took ${inMs(took)}.`,
    isReadOn(turn) ? ` Its events were read on over HTTP, from number ${turn.connection.read_on_from}.` : ''));
  if (timing) row.append(phaseBar({ ...timing, total_ms: totalOf(timing) }, `Turn ${number}`));
  row.append(make('p', {}, `Items: ${items.input} in, ${items.output} out, ${heldBy(turn)} held` +
    `${timing ? `; context ${timing.context_source}` : '; its phases are not known here'}. `,
  make('code', { class: 'id' }, turn.digest ? `digest ${turn.digest.slice(0, 16)}…` : 'no digest yet')));
  row.append(content(turn), contextDetails(context));
  return row;
}

/** The items that a turn was made from, as its timing says it. */
export const heldBy = ({ items }) => items.held - items.output;

/** The items of a turn, loaded when they are looked at. */
function content({ id, items, digest }) {
  const details = make('details', {}, make('summary', {}, 'Items and digest'));
  details.ontoggle = async () => {
    details.ontoggle = null;
    const place = make('div', {}, 'Loading…');
    details.append(place);
    try {
      place.replaceChildren(...await readContent(id, Math.min(items.input, ITEMS_MAX)));
    } catch (error) {
      place.replaceChildren(make('p', { class: 'error' }, error.message));
    }

    if (digest) place.append(make('p', {}, 'Digest: ', make('code', { class: 'id' }, digest)));
  };
  return details;
}

async function readContent(id, count) {
  const path = `v1/responses/${encodeURIComponent(id)}`;
  const response = await getJson(path);
  const input = count > 0 ? (await getJson(`${path}/input_items?order=desc&limit=${count}`)).data.reverse() : [];
  return [...input.map((item) => showItem('in', item)), ...response.output.map((item) => showItem('out', item))];
}

const showItem = (way, item) => make('details', { class: 'call' },
  make('summary', {}, `${way}: ${item.type}${item.name ? ` ${item.name}` : ''}${item.role ? ` of ${item.role}` : ''}`),
  make('pre', { tabIndex: 0 }, JSON.stringify(item, null, 2)));
