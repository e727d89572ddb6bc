// A collector on loopback that keeps the spans that it gets, over HTTP as protobuf.
import { createServer } from 'node:http';
import { once } from 'node:events';

export class Collector {
  #http = createServer((request, response) => {
    this.#take(request, response).catch((error) => response.destroy(error));
  });

  /** Spans so far: `{process, service, scope, name, trace, id, parent, attributes}`; numbers are left out. */
  spans = [];

  static async start() {
    const collector = new Collector();
    collector.#http.listen(0, '127.0.0.1');
    await once(collector.#http, 'listening');
    return collector;
  }

  get url() {
    return `http://127.0.0.1:${this.#http.address().port}`;
  }

  async stop() {
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  async #take(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    if (request.url === '/v1/traces') this.spans.push(...readExport(Buffer.concat(pieces)));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  }
}

// Source: opentelemetry-proto, trace/v1/trace.proto, common/v1/common.proto, resource/v1/resource.proto: field numbers.
function readExport(bytes) {
  return all(bytes, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(first(resourceSpans, 1), 1);
    const from = { process: resource['service.instance.id'], service: resource['service.name'] };
    return all(resourceSpans, 2).flatMap((scopeSpans) => all(scopeSpans, 2)
      .map((span) => ({ ...from, scope: text(first(scopeSpans, 1), 1), ...readSpan(span) })));
  });
}

const readSpan = (span) => ({
  trace: hex(span, 1), id: hex(span, 2), parent: hex(span, 4), name: text(span, 5), attributes: attributesOf(span, 9),
});

const attributesOf = (message, field) => Object.fromEntries(
  all(message, field).map((pair) => [text(pair, 1), text(first(pair, 2), 1)]));

const first = (message, field) => all(message, field)[0] ?? Buffer.alloc(0);
const text = (message, field) => first(message, field).toString('utf8');
const hex = (message, field) => first(message, field).toString('hex');

/** The values of a field that have bytes. */
function all(message, field) {
  const found = [];
  let at = 0;
  const number = () => {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = message[at];
      at += 1;
      value += (byte & 127) * weight;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = number();
    const kind = tag & 7;
    if (kind === 2) {
      const length = number();
      if (tag >>> 3 === field) found.push(message.subarray(at, at + length));
      at += length;
    } else if (kind === 0) number();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else throw new Error(`a field of wire type ${kind}`);
  }
  return found;
}
