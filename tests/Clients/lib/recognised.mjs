// A server that recognises histories, a proxy that records what a client sends to it, and what must hold of a loop.
import assert from 'node:assert/strict';
import { RecordingProxy } from './proxy.mjs';
import { Server } from './server.mjs';

/** A loop that the tests have a client run: its tool, the keys that the model looks up, and the model's last word. */
export const keys = ['a', 'b', 'c', 'd'];
export const valueOf = (key) => `value of ${key}: ${key.repeat(4_000)}`;

// What a turn's records hold beside its items, with room to spare.
const journaledForATurn = 2_000;

/** `recognition` is the setting: `stored` or `all`; `options` are more of the server's. */
export async function withRecognition(recognition, body, options = {}) {
  const server = await Server.start({ ...options, settings: { Recognition: recognition } });
  const proxy = await RecordingProxy.start(server);
  try {
    await body({ server, proxy });
  } finally {
    await proxy.stop();
    await server.stop();
  }
}

/** Creates over chat completions, in order: `{body, id, items}`, the items those of the body. */
export function completionsOf(proxy) {
  return proxy.requests.filter(({ path }) => path === '/v1/chat/completions').map(({ body, status, answer }) => {
    assert.equal(status, 200, answer);
    return { body, id: /"id":\s*"(chatcmpl-[^"]+)"/.exec(answer)[1], items: body.messages.flatMap(itemsOf) };
  });
}

/** Creates over one or more sockets, in order, the same way. */
export function socketCreatesOf(proxy) {
  return proxy.turns().map(({ create, last }) => {
    assert.equal(last?.type, 'response.completed', JSON.stringify(last));
    return { body: create, id: last.response.id, items: create.input };
  });
}

/** An answer's thoughts, its text and each of its calls are items of their own. */
function itemsOf({ role, content, reasoning_content: thoughts, tool_calls: calls = [], ...more }) {
  const text = content || calls.length === 0 ? [{ role, content, ...more }] : [];
  return [...(thoughts ? [thoughts] : []), ...text, ...calls];
}

/**
 * The creates of one loop, of which each brings the whole history, are one conversation. Its items were validated,
 * rendered and counted once, the last answer among them, and journaled once if they are stored, else never.
 */
export async function assertOneConversation(server, creates, { stored }) {
  assert.ok(creates.length > 2, `${creates.length} creates`);
  creates.slice(1).forEach(({ items }, index) => {
    const before = creates[index].items;
    assert.deepEqual(items.slice(0, before.length), before, 'the whole history comes again');
  });
  const conversations = new Set(creates.map(({ id }) => id.split(/[-_]/)[1]));
  assert.equal(conversations.size, 1, `one conversation: ${creates.map(({ id }) => id)}`);
  const items = creates.at(-1).items.length + 1;
  assert.deepEqual(await server.counters(), { validated: items, rendered: items, counted: items });
  const journaled = await server.journaledBytes();
  const once = JSON.stringify(creates.at(-1).body).length + creates.length * journaledForATurn;
  if (stored) assert.ok(journaled > 0 && journaled < once, `${journaled} bytes journaled, ${once} at most`);
  else assert.equal(journaled, 0);
}
