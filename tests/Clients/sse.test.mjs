// Server-sent events as bytes: how they are written, and that every reader of the strictest kind can follow them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { script } from './lib/codex.mjs';
import { get, post } from './lib/raw-http.mjs';
import { user } from './lib/responses.mjs';
import { assertResponse } from './lib/schema.mjs';
import { Server } from './lib/server.mjs';
import { eventsOf } from './lib/sse.mjs';
import { assertStream } from './lib/stream.mjs';

let server;

before(async () => { server = await Server.start(); });
after(() => server?.stop());

const create = (steps, fields = {}) => (
  post(server, '/responses', { model: 'demo', input: [user(script(steps))], stream: true, ...fields }));
const message = (say) => [{ say }];

/** Pieces that do not end where an event ends: a parser that looks at one read at a time loses that event. */
const brokenPieces = (pieces) => pieces.filter((piece) => !piece.endsWith('\n\n'));

test('Reader_OfWrongStreams_ComplainsOfEach', () => {
  const event = (type) => `event: ${type}\ndata: {"type":"a"}\n\n`;
  const end = 'data: [DONE]\n\n';
  assert.deepEqual(eventsOf(event('a') + end), [{ type: 'a' }]);
  const wrong = {
    'no end': event('a'),
    'something behind the end': `${event('a')}${end}${event('a')}`,
    'another name': event('b') + end,
    'no name': `data: {"type":"a"}\n\n${end}`,
    'an id': `id: 1\n${event('a')}${end}`,
    'a comment': `: hello\n\n${event('a')}${end}`,
    'CRLF': (event('a') + end).replaceAll('\n', '\r\n'),
    'no space': `event:a\ndata:{"type":"a"}\n\n${end}`,
    'no JSON': `event: a\ndata: {"type":\n\n${end}`,
    'two blank lines': `${event('a')}\n${end}`,
  };
  for (const [name, text] of Object.entries(wrong)) assert.throws(() => eventsOf(text), name);
});

test('Stream_OfATurn_IsEventDataBlankLineAndDoneLast', async () => {
  const steps = [{ think: 'Hm.', then: { say: 'A text of several deltas, in all.' } }];
  const { status, headers, text } = await create(steps);
  assert.equal(status, 200);
  assert.equal(headers['content-type'].split(';')[0], 'text/event-stream');
  assert.match(headers['cache-control'], /no-cache|no-store/);
  assert.ok(headers['x-request-id'].length > 0);
  assert.equal(headers['content-length'], undefined);
  const events = eventsOf(text);
  assertStream(events);
  assert.equal(events.at(-1).type, 'response.completed');
});

test('Stream_OfSmallEvents_NeverEndsAReadInsideAnEvent', async () => {
  const say = 'One of the many deltas of this text. '.repeat(20);
  const { pieces, text } = await create([{ say, chunk_ms: 5 }]);
  assertStream(eventsOf(text));
  assert.deepEqual(brokenPieces(pieces), []);
  assert.ok(pieces.length > 10, `${pieces.length} reads: deltas do not wait for each other`);
  const [first] = pieces;
  assert.ok(first.startsWith('event: response.created\n'));
});

test('Stream_OfUnusualText_IsOneLineAnEvent', async () => {
  const say = 'line\nfeed\rreturn\u2028separator\u2029 \u0085 nul\u0000 \u{1F469}\u200D\u{1F680} data: x\n\nevent: y';
  const { text } = await create(message(say));
  const events = eventsOf(text);
  assertStream(events);
  assert.equal(events.at(-1).response.output[0].content[0].text, say);
});

test('Stream_OfALargeResponse_IsWhole', async () => {
  const { text } = await create([{ bytes: 300_000 }]);
  const events = eventsOf(text);
  assertStream(events);
  assert.equal(events.at(-1).response.output[0].content[0].text.length, 300_000);
});

test('Stream_ThatFailsOrIsCut_EndsWithDoneToo', async () => {
  const endings = {
    'response.failed': [{ fail: 'server_error', after_events: 4 }],
    'response.incomplete': [{ stop: 'max_output_tokens' }],
  };
  for (const [type, steps] of Object.entries(endings)) {
    const events = eventsOf((await create(steps)).text);
    assertStream(events);
    assert.equal(events.at(-1).type, type);
  }
});

test('Stream_ReadAgain_IsTheSameBytes', async () => {
  const { text } = await create([{ think: 'Hm.', then: { say: 'A text of several deltas, to be read twice.' } }]);
  const events = eventsOf(text);
  const { id } = events.at(-1).response;
  const whole = await get(server, `/responses/${id}?stream=true`);
  assert.equal(whole.text, text);
  const rest = await get(server, `/responses/${id}?stream=true&starting_after=4`);
  assert.deepEqual(eventsOf(rest.text), events.slice(5));
  assert.ok(text.endsWith(rest.text));
});

test('Stream_Refused_IsPlainJson', async () => {
  const { status, headers, text } = await create(message('x'), { model: 'no-such-model' });
  assert.ok(status === 400 || status === 404);
  assert.equal(headers['content-type'].split(';')[0], 'application/json');
  assert.ok(headers['x-request-id'].length > 0);
  const { error } = JSON.parse(text);
  assert.deepEqual(Object.keys(error).toSorted(), ['code', 'message', 'param', 'type']);
});

test('Stream_AndJson_OfOneScript_AgreeButForIds', async () => {
  const steps = [{ think: 'Hm.', then: { say: 'The same either way.' } }];
  const streamed = eventsOf((await create(steps)).text).at(-1).response;
  const whole = JSON.parse((await create(steps, { stream: false })).text);
  assertResponse(whole);
  const plain = ({ id, created_at: created, completed_at: completed, output, ...rest }) => (
    { ...rest, output: output.map(({ id: itemId, ...item }) => item) });
  assert.deepEqual(plain(whole), plain(streamed));
  assert.equal(whole.evergrain.digest, streamed.evergrain.digest);
});
