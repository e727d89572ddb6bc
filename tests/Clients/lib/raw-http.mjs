// Plain HTTP requests whose answers are kept as they came off the network: bytes, in the pieces that were read.
import { request as send } from 'node:http';

const answerMs = 60_000;

/**
 * Posts JSON and resolves, when the answer is over, with `{status, headers, pieces, text}`; `pieces` are what single
 * reads brought, as text.
 */
export function post(server, path, body, headers = {}) {
  const options = { host: '127.0.0.1', port: server.port, path: `/v1${path}`, method: 'POST', timeout: answerMs,
    headers: { 'content-type': 'application/json', ...headers } };
  return ask(options, JSON.stringify(body));
}

export function get(server, path) {
  return ask({ host: '127.0.0.1', port: server.port, path: `/v1${path}`, timeout: answerMs });
}

function ask(options, body) {
  return new Promise((resolve, reject) => {
    const request = send(options, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece.toString('latin1')));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.from(pieces.join(''), 'latin1').toString('utf8');
        resolve({ status: response.statusCode, headers: response.headers, pieces, text });
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${answerMs} ms`)));
    request.on('error', reject);
    request.end(body);
  });
}
