// The inspector's list of conversations: the newest, or those that a word finds, as the server tells them.
import { guard } from './entrance.js';
import { byId, counted, make } from './dom.js';
import { getJson } from './server.js';

const PAGE = 20;

/** Lists conversations, of one tenant where an operator names it (else null). `open` opens one of them. */
export async function startList(tenant, open) {
  byId('list').hidden = false;
  byId('search').onsubmit = guard(() => list(tenant, open));
  byId('more').onclick = guard(() => list(tenant, open, byId('more').value));
  await list(tenant, open);
}

async function list(tenant, open, after = '') {
  const query = new URLSearchParams({ limit: PAGE });
  const word = byId('word').value.trim();
  if (word) query.set(byId('by').value, word);
  if (after) query.set('after', after);
  if (tenant) query.set('tenant', tenant);
  const { data, next, is_complete: isComplete } = await getJson(`evergrain/conversations?${query}`);
  const rows = data.map((conversation) => showConversation(conversation, open));
  byId('conversations').replaceChildren(...after ? byId('conversations').children : [], ...rows);
  byId('more').hidden = next === null;
  byId('more').value = next ?? '';
  byId('listed').textContent = describe(byId('conversations').children.length, word) +
    (isComplete ? '' : ' Not every process answered: some that are in memory may be missing.');
}

const describe = (count, word) => count > 0
  ? `${count} shown, newest first.`
  : word ? 'None was found. Words of requests are known for the last turns only.' : 'There is none yet.';

function showConversation({ id, tenant, created_at_ms: createdAt, is_stored: isStored, memory }, open) {
  const button = make('button', { type: 'button', class: 'id' }, id);
  button.onclick = guard(() => open(id, tenant));
  const held = memory === null ? 'not in memory'
    : `${counted(memory.turns, 'turn')}, ${counted(memory.items, 'item')}` +
      `${memory.running > 0 ? `, ${memory.running} running` : ''}`;
  return make('li', { class: 'conversation' }, button,
    make('span', {}, `${createdAt === null ? 'unknown time' : new Date(createdAt).toLocaleString()}; `,
      `${tenant}; ${isStored ? 'stored' : 'unstored'}; ${held}`));
}
