// The rules of strict chat-completions servers, tried with requests that break one of them each.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strictComplaints } from './lib/strict-rules.mjs';

const parameters = { type: 'object', properties: {} };
const offer = (change = {}) => ({ type: 'function', function: { name: 'f', parameters, ...change } });
const call = (id = 'callabcde', text = '{}') => ({ id, type: 'function', function: { name: 'f', arguments: text } });
const asks = (...calls) => ({ role: 'assistant', content: '', tool_calls: calls });
const answers = (id = 'callabcde') => ({ role: 'tool', tool_call_id: id, content: '' });
const says = (role, content = 'x') => ({ role, content });
const good = (...messages) => ({ model: 'm', stream: true, messages, tools: [offer()], tool_choice: 'auto' });
const image = { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] };

test('StrictRules_GoodRequests_AreTaken', () => {
  const two = asks(call('aaaaaaaaa'), call('bbbbbbbbb'));
  for (const messages of [
    [says('user')], [says('system'), says('user')], [says('user'), says('assistant'), says('user', 'café 😀')], [image],
    [says('user'), asks(call()), answers()], [says('user'), two, answers('bbbbbbbbb'), answers('aaaaaaaaa')],
    [says('user'), asks(call()), answers(), asks(call()), answers(), says('assistant'), says('user')],
  ]) {
    for (const kind of ['plain', 'mistral', 'gemini', 'deepseek', 'llama.cpp', 'openrouter']) {
      assert.deepEqual(strictComplaints(good(...messages), kind), []);
    }
  }
});

test('StrictRules_BrokenOnce_AreComplainedOf', () => {
  const base = good(says('user'));
  const wrong = {
    'an unknown member': { ...base, user: 'x' },
    'a member that is null': { ...base, temperature: null },
    'no stream': { ...base, stream: false },
    'an object as choice': { ...base, tool_choice: { type: 'function', function: { name: 'f' } } },
    'a choice without tools': { ...base, tools: undefined },
    'no tools': { ...base, tools: [] },
    'tools of one name': { ...base, tools: [offer(), offer()] },
    'a custom tool': { ...base, tools: [{ type: 'custom', custom: {} }] },
    'a strict tool': { ...base, tools: [offer({ strict: false })] },
    'parameters without properties': { ...base, tools: [offer({ parameters: { type: 'object' } })] },
    'no parameters': { ...base, tools: [offer({ parameters: undefined })] },
    'a name with a dot': { ...base, tools: [offer({ name: 'a.b' })] },
    'a developer': good(says('developer'), says('user')),
    'a second system message': good(says('system'), says('system'), says('user')),
    'a later system message': good(says('user'), says('system'), says('user')),
    'an empty user': good(says('user', '')),
    'an empty assistant': good(says('user'), says('assistant', ''), says('user')),
    'parts without media': good({ role: 'user', content: [{ type: 'text', text: 'x' }] }),
    'parts of a tool': good(says('user'), asks(call()), { ...answers(), content: [{ type: 'text', text: 'x' }] }),
    'a member of a message': good({ ...says('user'), name: 'x' }),
    'thoughts': good(says('user'), { ...asks(call()), reasoning_content: 'hm' }, answers()),
    'a member of a call': good(says('user'), asks({ ...call(), index: 0 }), answers()),
    'a member of a tool message': good(says('user'), asks(call()), { ...answers(), name: 'f' }),
    'arguments that are no object': good(says('user'), asks(call('callabcde', '"x"')), answers()),
    'half a character': good(says('user', 'a\ud83d')),
    'half a character in arguments': good(says('user'), asks(call('callabcde', '{"a":"\\ud83d"}')), answers()),
    'users in a row': good(says('user'), says('user')),
    'an assistant first': good(says('assistant'), says('user')),
    'an assistant last': good(says('user'), says('assistant')),
    'no messages': good(),
    'a user between call and output': good(says('user'), asks(call()), says('user'), answers()),
    'a call without output': good(says('user'), asks(call('a'), call('b')), answers('a')),
    'an output of no call': good(says('user'), asks(call('a')), answers('a'), answers('b')),
    'an output twice': good(says('user'), asks(call('a')), answers('a'), answers('a')),
    'calls of one id': good(says('user'), asks(call('a'), call('a')), answers('a')),
    'a user behind a tool': good(says('user'), asks(call('a')), answers('a'), says('user')),
  };
  for (const [name, body] of Object.entries(wrong)) {
    assert.notDeepEqual(strictComplaints(JSON.parse(JSON.stringify(body))), [], name);
  }
});

test('StrictRules_OfSingleKinds_DifferFromEachOther', () => {
  const long = good(says('user'), asks(call('call_1234567890')), answers('call_1234567890'));
  assert.notDeepEqual(strictComplaints(long, 'mistral'), []);
  assert.deepEqual(strictComplaints(long, 'plain'), []);
  assert.notDeepEqual(strictComplaints({ ...good(says('user')), stream_options: {} }, 'mistral'), []);
  assert.notDeepEqual(strictComplaints({ ...good(says('user')), reasoning_effort: 'max' }, 'gemini'), []);
  assert.deepEqual(strictComplaints({ ...good(says('user')), reasoning_effort: 'max' }, 'deepseek'), []);
  const thought = good(says('user'), { ...asks(call()), reasoning_content: 'hm' }, answers());
  assert.deepEqual(strictComplaints(thought, 'llama.cpp'), []);
  assert.notDeepEqual(strictComplaints(thought, 'gemini'), []);
});
