// Speaks to the server that the page came from: HTTP, event streams and the WebSocket.

const at = (path) => new URL(path, document.baseURI);
const keyName = 'evergrain.key';

/** An answer that is no success. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The key that the user typed. It stays in this tab, and goes to this server alone. */
export const key = {
  get: () => sessionStorage.getItem(keyName) ?? '',
  set: (text) => text ? sessionStorage.setItem(keyName, text) : sessionStorage.removeItem(keyName),
};

async function ask(path, options = {}) {
  const headers = key.get() ? { authorization: `Bearer ${key.get()}` } : {};
  const answer = await fetch(at(path), { headers, cache: 'no-store', ...options });
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => null);
  throw new Refused(answer.status, body?.error?.message ?? `The server answered ${answer.status}.`);
}

/** The JSON at a path of the server. */
export const getJson = async (path, options) => (await ask(path, options)).json();

/** The names of the models. */
export const listModels = async () => (await getJson('v1/models')).data.map(({ id }) => id);

/** The events of an event stream, each as an object. */
export async function* streamEvents(path, options) {
  const answer = await ask(path, options);
  let rest = '';
  for await (const piece of textOf(answer.body)) {
    const events = (rest + piece).split('\n\n');
    rest = events.pop();
    for (const event of events) {
      const data = event.split('\n').find((line) => line.startsWith('data: '))?.slice('data: '.length);
      if (data && data !== '[DONE]') yield JSON.parse(data);
    }
  }
}

// Not every browser can iterate over a stream.
async function* textOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
  }
}

/** Cancels a response. */
export const cancel = (id) => getJson(`v1/responses/${encodeURIComponent(id)}/cancel`, { method: 'POST' });

/** The events of a response behind number `after`. */
export const readOn = (id, after) =>
  streamEvents(`v1/responses/${encodeURIComponent(id)}?stream=true${after >= 0 ? `&starting_after=${after}` : ''}`);

/** A WebSocket to the server. A page cannot set its headers: the key is a subprotocol, the wish for times a query. */
export function openSocket() {
  const url = at('v1/responses?evergrain-timing=1');
  url.protocol = url.protocol.replace('http', 'ws');
  return new WebSocket(url, key.get() ? [`evergrain.key.${toBase64Url(key.get())}`] : []);
}

const toBase64Url = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)))
  .replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
