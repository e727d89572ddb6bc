// The inspector: one conversation as its tree of turns, with the times, sizes and digests that the server tells.
import { enter, guard, say } from './entrance.js';
import { byId, counted, inMs, inWholeMs, make } from './dom.js';
import { startList } from './list.js';
import { follow } from './live.js';
import { legend } from './phases.js';
import { getJson } from './server.js';
import { drawLine, place } from './time-line.js';
import { heldBy, showTurn } from './turn-row.js';

const PAGE_TURNS = 200;
const idOf = (text) => text.trim().replace(/^resp_([^_]+)_.*$/, 'conv_$1');
const asked = new URLSearchParams(location.search);

/** A path of a conversation. An operator names its tenant in the address of the page, or takes one of the list. */
const pathOf = (id, page, query = {}) => `evergrain/conversations/${encodeURIComponent(id)}/${page}?` +
  new URLSearchParams(asked.has('tenant') ? { ...query, tenant: asked.get('tenant') } : query);

/** The number of the stored turn that has this id; 0: it names none. */
const numberOf = (text) => Number(/^resp_[^_]+_(\d{1,10})(x\w{4})?$/.exec(text)?.[1] ?? 0);

/**
 * The conversation that is open: how it was named, its turns that are shown, and the number behind which each page of
 * them begins.
 */
let open = null;

async function load() {
  const started = performance.now();
  const after = open.pages.at(-1);
  const { data, has_more: hasMore } = await getJson(pathOf(open.id, 'turns', { after, limit: PAGE_TURNS }));
  if (data.length === 0) return say('No turn follows.');
  Object.assign(open, { turns: data, hasMore, next: data.at(-1)?.number ?? after });
  show();
  asked.set('id', open.named);
  history.replaceState(null, '', `?${asked}`);
  say(`${counted(data.length, 'turn')} of ${open.id}, shown in ${inMs(performance.now() - started)}.`);
}

function show() {
  const turns = place(open.turns);
  byId('found').hidden = false;
  byId('summary').textContent = describe(turns);
  byId('line').replaceChildren(drawLine(turns, byId('line').clientWidth));
  showRows(turns.map(rowOf));
  byId('previous').disabled = open.pages.length === 1;
  byId('next').disabled = !open.hasMore;
  byId('verify').disabled = byId('refresh').disabled = false;
}

// Rows that are there already stay in their place: one that is taken out and put in again loses its focus.
function showRows(rows) {
  const list = byId('turns');
  rows.forEach((row, i) => {
    if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null);
  });
  for (const row of [...list.children]) if (!rows.includes(row)) row.remove();
}

// A turn that has ended changes where it is read on: else its row stays, with what the user has opened in it.
function rowOf(turn) {
  const { id } = open;
  const known = open.rows.get(turn.id);
  const readOn = turn.connection?.read_on_from;
  if (known && !known.isRunning && known.readOn === readOn) return known.row;
  const row = showTurn(turn, (rendered) => getJson(pathOf(id, 'context', { response: turn.id, rendered })));
  open.rows.set(turn.id, { row, isRunning: turn.ended_at_ms === null, readOn });
  return row;
}

/** Takes in what a turn is now, if it belongs to the page that is shown. */
function take(turn) {
  const at = open.turns.findIndex(({ id }) => id === turn.id);
  if (at < 0 && open.hasMore) return;
  if (at >= 0) open.turns[at] = turn;
  else if (open.turns.length < PAGE_TURNS) open.turns.push(turn);
  else open.hasMore = true;
  open.next = Math.max(open.next, ...open.turns.map(({ number }) => number));
  show();
}

function describe(turns) {
  const forks = turns.filter(({ isFork }) => isFork).length;
  const others = turns.filter(({ connection }) => connection?.is_other).length;
  const tools = turns.flatMap(({ timing }) => timing?.tools ?? []);
  const waited = tools.reduce((sum, { waited_ms: ms }) => sum + ms, 0);
  const span = Math.max(...turns.map(({ to }) => to)) - turns[0].from;
  const [first, last] = [turns[0], turns.at(-1)].map(({ number }) => number || 'unstored');
  const parts = [
    turns.length === 1 ? `Turn ${first}` : `Turns ${first} to ${last}`,
    ...forks > 0 ? [counted(forks, 'fork')] : [],
    ...others > 0 ? [counted(others, 'change of the connection', 'changes of the connection')] : [],
    `within ${inWholeMs(span)}`,
  ];
  return `${parts.join(', ')}. ` +
    `${tools.length > 0 ? `Tools were waited for ${counted(tools.length, 'time')}, ${inMs(waited)} in all. ` : ''}` +
    `The last turn held ${counted(heldBy(turns.at(-1)), 'item')}.`;
}

async function inspect(text, tenant) {
  if (tenant) asked.set('tenant', tenant);
  byId('verified').textContent = '';
  byId('id').value = idOf(text);
  byId('list').open = false;
  open?.leaving.abort();
  const leaving = new AbortController();
  const named = text.trim();
  const page = Math.floor(Math.max(0, numberOf(named) - 1) / PAGE_TURNS);
  const pages = Array.from({ length: page + 1 }, (_, i) => i * PAGE_TURNS);
  open = { id: idOf(named), named, pages, turns: [], rows: new Map(), leaving };
  await load();
  if (leaving.signal.aborted) return;
  choose(open.rows.get(named)?.row);
  follow(pathOf(open.id, 'live'), leaving.signal, (turn) => { if (!leaving.signal.aborted) take(turn); });
}

// The turn that was asked for. Those before it stand above.
function choose(row) {
  if (!row) return;
  row.classList.add('chosen');
  row.tabIndex = -1;
  row.focus({ preventScroll: true });
  row.scrollIntoView();
}

async function verify() {
  byId('verified').textContent = 'The server rebuilds the conversation from its journal…';
  const { is_equal: isEqual, turns, different, fault } = await getJson(pathOf(open.id, 'verify'));
  byId('verified').textContent = isEqual
    ? `Verified: the journal gives the same digest for ${counted(turns, 'turn')}.`
    : `Not equal. ${fault ?? `The digests of these turns differ: ${different.join(', ')}.`}`;
}

byId('open').onsubmit = guard(() => inspect(byId('id').value));
byId('verify').onclick = guard(verify);
byId('refresh').onclick = guard(load);
byId('next').onclick = guard(() => {
  open.pages.push(open.next);
  return load();
});
byId('previous').onclick = guard(() => {
  open.pages.pop();
  return load();
});
byId('legend').append(make('details', {}, make('summary', {}, 'Colours of the bars'), legend()));
await enter(async () => {
  say('Ready.');
  await startList(asked.get('tenant'), inspect);
  if (asked.has('id')) await inspect(asked.get('id'));
});
