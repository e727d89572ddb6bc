// The scripted chat-completions server that other suites put behind Evergrain, tried with the official SDK's client.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { chatComplaints } from './lib/chat-rules.mjs';
import { ChatServer } from './lib/chat-server.mjs';
import { script } from './lib/codex.mjs';

let server;
let client;

before(async () => {
  server = await ChatServer.start();
  client = clientOf(server);
});
after(() => server?.stop());

const clientOf = ({ baseUrl }) => new OpenAI({ baseURL: baseUrl, apiKey: 'sk-none', maxRetries: 0 });
const user = (...steps) => ({ role: 'user', content: `Go.\n${script(steps)}` });
const offer = (name) => ({ type: 'function', function: { name, parameters: { type: 'object', properties: {} } } });
const call = (id, name = 'f', text = '{}') => ({ id, type: 'function', function: { name, arguments: text } });
const asks = (...calls) => ({ role: 'assistant', content: null, tool_calls: calls });
const answers = (id) => ({ role: 'tool', tool_call_id: id, content: 'x' });

/** One completion, put together by the SDK from its chunks. */
async function complete(messages, fields = {}, from = client) {
  const stream = from.chat.completions.stream({
    model: 'demo', messages, stream_options: { include_usage: true }, ...fields,
  });
  return stream.finalChatCompletion();
}

test('ChatServer_Loop_PlaysOneStepARequest', async () => {
  const parallel = [{ call: 'f', args: { a: 'x"\\\n\u{1F680}' } }, { shell: 'ls' }];
  const messages = [user({ say: 'one' }, { parallel }, { custom: 'p', input: 'any "text"' }, { say: 'end' })];
  const tools = ['f', 'space__exec_command', 'p'].map(offer);
  const first = (await complete(messages, { tools })).choices[0];
  assert.deepEqual([first.message.content, first.finish_reason], ['one', 'stop']);
  messages.push({ role: 'assistant', content: 'one' }, { role: 'user', content: 'On.' });
  const second = (await complete(messages, { tools })).choices[0];
  assert.equal(second.finish_reason, 'tool_calls');
  const made = second.message.tool_calls.map(({ function: { name, arguments: text } }) => [name, JSON.parse(text)]);
  assert.deepEqual(made, [['f', { a: 'x"\\\n\u{1F680}' }], ['space__exec_command', { cmd: 'ls' }]]);
  const ids = second.message.tool_calls.map(({ id }) => id);
  messages.push(asks(...ids.map((id) => call(id))), ...ids.map(answers));
  const [custom] = (await complete(messages, { tools })).choices[0].message.tool_calls;
  assert.deepEqual(JSON.parse(custom.function.arguments), { input: 'any "text"' });
  messages.push(asks(call(custom.id)), answers(custom.id));
  const last = await complete(messages, { tools });
  assert.equal(last.choices[0].message.content, 'end');
  assert.ok(last.usage.prompt_tokens > last.usage.prompt_tokens_details.cached_tokens);
  assert.ok(last.usage.prompt_tokens_details.cached_tokens > 0);
  assert.deepEqual(server.violations, []);
  assert.deepEqual(server.prefixComplaints(), []);
});

test('ChatServer_ThinkStopAndFail_ArePlayed', async () => {
  const cut = (await complete([user({ think: 'hm', then: { stop: 'max_output_tokens' } })])).choices[0];
  assert.equal(cut.finish_reason, 'length');
  assert.equal(cut.message.reasoning_content, 'hm');
  await assert.rejects(complete([user({ fail: 'rate_limit_exceeded' })]), (error) => error.status === 429);
  await assert.rejects(complete([user({ fail: 'server_error', after_events: 3 })]), /asked for this failure/);
  await assert.rejects(complete([user()], { model: 'other' }), (error) => error.status === 404);
});

test('ChatServer_RequestThatBreaksARule_IsRefusedAndRemembered', async () => {
  await assert.rejects(complete([]), (error) => error.status === 400);
  assert.equal(server.violations.length, 1);
  const good = { model: 'demo', stream: true, messages: [user(), asks(call('c')), answers('c')], tools: [offer('f')] };
  assert.deepEqual(chatComplaints(good), []);
  const tooled = (change) => ({ ...good, tools: [{ ...offer('f'), ...change }] });
  const told = (...messages) => ({ ...good, messages });
  const wrong = {
    'a field of Responses': { ...good, input: [] },
    'no stream': { ...good, stream: false },
    'no messages': told(),
    'an odd role': told({ role: 'critic', content: 'x' }),
    'no content': told({ role: 'user', content: null }),
    'no parts': told({ role: 'user', content: [] }),
    'a part of Responses': told({ role: 'user', content: [{ type: 'input_text', text: 'x' }] }),
    'an image of a tool': told(user(), asks(call('c')), { ...answers('c'), content: [{ type: 'image_url' }] }),
    'an item\'s id': told({ ...user(), id: 'msg_1' }),
    'an assistant without words': told({ role: 'assistant', content: null }),
    'no calls': told(user(), asks()),
    'arguments that are no object': told(user(), asks(call('c', 'f', 'ls')), answers('c')),
    'a name with a dot': told(user(), asks(call('c', 'a.b')), answers('c')),
    'a call left open': told(user(), asks(call('c'), call('d')), answers('c'), user()),
    'a call left open at the end': told(user(), asks(call('c'))),
    'an answer to nobody': told(user(), answers('c')),
    'two answers': told(asks(call('c')), answers('c'), answers('c')),
    'empty tools': { ...good, tools: [] },
    'a choice without tools': { model: 'demo', stream: true, messages: [user()], tool_choice: 'auto' },
    'a choice of no tool': { ...good, tool_choice: { type: 'function', function: { name: 'g' } } },
    'two tools of one name': { ...good, tools: [offer('f'), offer('f')] },
    'a tool of Responses': { ...good, tools: [{ type: 'function', name: 'f', parameters: {} }] },
    'a long name': { ...good, tools: [offer('f'.repeat(65))] },
    'a custom tool': tooled({ type: 'custom' }),
    'parameters without a type': tooled({ function: { name: 'f', parameters: {} } }),
    'a format': tooled({ function: { name: 'f', format: 'text' } }),
  };
  for (const [name, body] of Object.entries(wrong)) assert.equal(chatComplaints(body).length, 1, name);
});

test('ChatServer_ContextThatChanged_IsComplainedOf', async () => {
  const other = await ChatServer.start();
  try {
    const context = (say) => [user({ say }), { role: 'assistant', content: 'a' }, user()];
    await complete(context('a').slice(0, 1), {}, clientOf(other));
    await complete(context('a'), {}, clientOf(other));
    assert.deepEqual(other.prefixComplaints(), []);
    await complete(context('b'), {}, clientOf(other));
    assert.equal(other.prefixComplaints().length, 1);
  } finally {
    await other.stop();
  }
});
