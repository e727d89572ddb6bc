// The inspector: one conversation as its tree of turns, with the times, sizes and digests that the server tells.
import { enter, guard, say } from './entrance.js';
import { byId, inMs, inWholeMs, make } from './dom.js';
import { legend } from './phases.js';
import { getJson } from './server.js';
import { drawLine, place } from './time-line.js';
import { showTurn } from './turn-row.js';

const PAGE_TURNS = 200;

// How soon a conversation is looked at again while a turn runs.
const LIVE_MS = 1000;
const idOf = (text) => text.trim().replace(/^resp_([^_]+)_.*$/, 'conv_$1');
const asked = new URLSearchParams(location.search);

/** A path of a conversation. An operator names its tenant in the address of the page. */
const pathOf = (id, page, query = {}) => `evergrain/conversations/${encodeURIComponent(id)}/${page}?` +
  new URLSearchParams(asked.has('tenant') ? { ...query, tenant: asked.get('tenant') } : query);

const count = (turns) => turns === 1 ? '1 turn' : `${turns} turns`;

/** The conversation that is open, and the number behind which each page of its turns begins. */
let open = null;

async function load() {
  const started = performance.now();
  const after = open.pages.at(-1);
  const { data, has_more: hasMore } = await getJson(pathOf(open.id, 'turns', { after, limit: PAGE_TURNS }));
  if (data.length === 0) return say('No turn follows.');
  const turns = place(data);
  byId('found').hidden = false;
  byId('summary').textContent = describe(turns);
  byId('line').replaceChildren(drawLine(turns));
  byId('turns').replaceChildren(...turns.map(rowOf));
  byId('previous').disabled = open.pages.length === 1;
  byId('next').disabled = !hasMore;
  byId('verify').disabled = byId('refresh').disabled = false;
  open.next = data.at(-1)?.number ?? after;
  asked.set('id', open.id);
  history.replaceState(null, '', `?${asked}`);
  clearTimeout(open.timer);
  if (turns.some(({ ended_at_ms: endedAt }) => endedAt === null)) open.timer = setTimeout(guard(load), LIVE_MS);
  say(`${count(turns.length)} of ${open.id}, shown in ${inMs(performance.now() - started)}.`);
}

// A turn that has ended does not change: its row stays, with what the user has opened in it.
function rowOf(turn) {
  const known = open.rows.get(turn.id);
  if (known && !known.isRunning) return known.row;
  const row = showTurn(turn);
  open.rows.set(turn.id, { row, isRunning: turn.ended_at_ms === null });
  return row;
}

function describe(turns) {
  const forks = turns.filter(({ isFork }) => isFork).length;
  const tools = turns.flatMap(({ timing }) => timing?.tools ?? []);
  const waited = tools.reduce((sum, { waited_ms: ms }) => sum + ms, 0);
  const span = Math.max(...turns.map(({ to }) => to)) - turns[0].from;
  return `Turns ${turns[0].number} to ${turns.at(-1).number || 'the last, unstored'}, ` +
    `${forks} of them forks, within ${inWholeMs(span)}. ` +
    `Tools were waited for ${tools.length} times, ${inMs(waited)} in all. ` +
    `The last turn held ${turns.at(-1).items.held} items.`;
}

async function show(text) {
  byId('verified').textContent = '';
  byId('id').value = idOf(text);
  clearTimeout(open?.timer);
  open = { id: idOf(text), pages: [0], rows: new Map() };
  await load();
}

async function verify() {
  byId('verified').textContent = 'The server rebuilds the conversation from its journal…';
  const { is_equal: isEqual, turns, different, fault } = await getJson(pathOf(open.id, 'verify'));
  byId('verified').textContent = isEqual
    ? `Verified: the journal gives the same digest for ${count(turns)}.`
    : `Not equal. ${fault ?? `The digests of these turns differ: ${different.join(', ')}.`}`;
}

byId('open').onsubmit = guard(() => show(byId('id').value));
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
  if (asked.has('id')) await show(asked.get('id'));
});
