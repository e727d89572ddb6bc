// The checks that the other suites lean on, tried on right and wrong objects.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventComplaints, eventMembers, outputItemComplaints, responseComplaints, responseMembers }
  from './lib/schema.mjs';
import { streamComplaints } from './lib/stream.mjs';
import { errorFrame, events, message, response } from './lib/samples.mjs';

const mustNotBeNull = ['top_p', 'presence_penalty', 'frequency_penalty', 'top_logprobs', 'temperature', 'tools',
  'tool_choice', 'truncation', 'text', 'parallel_tool_calls', 'store', 'background', 'service_tier', 'metadata',
  'output', 'id', 'object', 'created_at', 'status', 'model'];
const mayBeNull = ['previous_response_id', 'instructions', 'error', 'reasoning', 'usage', 'max_output_tokens',
  'max_tool_calls', 'safety_identifier', 'prompt_cache_key', 'incomplete_details'];

const without = (value, member) => {
  const { [member]: dropped, ...rest } = value;
  return rest;
};

test('Response_Complete_Passes', () => {
  assert.deepEqual(responseComplaints(response()), []);
  assert.equal(Object.keys(responseMembers).length, 31);
});

test('Response_WithoutAnyOneMember_IsRefused', () => {
  for (const member of Object.keys(responseMembers)) {
    assert.deepEqual(responseComplaints(without(response(), member)), [`response.${member} is missing`]);
  }
});

test('Response_WithNull_IsRefusedWhereTheSchemasSayNever', () => {
  for (const member of mustNotBeNull) {
    assert.notDeepEqual(responseComplaints({ ...response(), [member]: null }), [], member);
  }
  for (const member of mayBeNull) {
    assert.deepEqual(responseComplaints({ ...response(), [member]: null }), [], member);
  }
});

test('Response_WithMemberThatMustBeAbsentRatherThanNull_IsRefused', () => {
  const text = { format: { type: 'text' }, verbosity: null };
  assert.notDeepEqual(responseComplaints({ ...response(), text }), []);
  for (const member of ['phase', 'namespace', 'encrypted_content']) {
    assert.notDeepEqual(outputItemComplaints({ ...message(), [member]: null }), [], member);
  }
});

test('Response_WithWrongMember_IsRefused', () => {
  const wrong = [
    { created_at: 1.5 }, { object: 'realtime.response' }, { id: 'msg_1' }, { status: 'done' }, { text: {} },
    { reasoning: { effort: 'low' } }, { completed_at: null }, { error: { code: 'server_error', message: 'x' } },
    { incomplete_details: { reason: 'max_output_tokens' } }, { status: 'failed' }, { status: 'incomplete' },
    { tools: [{ type: 'function', name: 'f', description: null, parameters: null }] },
    { output: [{ type: 'function_call', id: 'fc_1', name: 'f', arguments: '{}', status: 'completed' }] },
    { output: [{ type: 'unheard_of', id: 'x_1' }] },
    { usage: without(response().usage, 'total_tokens') },
    { usage: { ...response().usage, total_tokens: 1 } },
    { usage: { ...response().usage, input_tokens_details: { cached_tokens: 0 } } },
    { usage: { ...response().usage, output_tokens_details: null } },
  ];
  for (const change of wrong) {
    assert.notDeepEqual(responseComplaints({ ...response(), ...change }), [], JSON.stringify(change));
  }
});

test('Response_CancelledWithoutDetails_Passes', () => {
  assert.deepEqual(responseComplaints({ ...response(), status: 'cancelled', completed_at: null }), []);
});

test('OutputItem_WithoutAnyRequiredMember_IsRefused', () => {
  const items = {
    message: message(),
    function_call: { type: 'function_call', id: 'fc_1', call_id: 'c', name: 'f', arguments: '', status: 'completed' },
    custom_tool_call: { type: 'custom_tool_call', id: 'ctc_1', call_id: 'c', name: 'f', input: '' },
    reasoning: { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'why' }] },
    compaction: { type: 'compaction', id: 'cmp_1', encrypted_content: 'AA' },
  };
  for (const item of Object.values(items)) {
    assert.deepEqual(outputItemComplaints(item), []);
    for (const member of Object.keys(item)) {
      assert.notDeepEqual(outputItemComplaints(without(item, member)), [], `${item.type}.${member}`);
    }
  }
  const bare = { ...message(), content: [{ type: 'output_text', text: 'no annotations' }] };
  assert.equal(outputItemComplaints(bare).length, 2);
});

test('Event_WithoutAnyRequiredMember_IsRefused', () => {
  const seen = events();
  for (const event of seen) {
    assert.deepEqual(eventComplaints(event), []);
    for (const member of ['type', 'sequence_number', ...Object.keys(eventMembers[event.type])]) {
      assert.notDeepEqual(eventComplaints(without(event, member)), [], `${event.type}.${member}`);
    }
  }
  assert.notDeepEqual(eventComplaints({ type: 'response.done', sequence_number: 0, response: response() }), []);
  assert.notDeepEqual(eventComplaints({ ...seen[0], response: response() }), []);
});

test('ErrorFrame_WithoutStatusOrCode_IsRefused', () => {
  assert.deepEqual(eventComplaints(errorFrame()), []);
  assert.notDeepEqual(eventComplaints(without(errorFrame(), 'status')), []);
  for (const member of ['type', 'code', 'message', 'param']) {
    const frame = { ...errorFrame(), error: without(errorFrame().error, member) };
    assert.notDeepEqual(eventComplaints(frame), [], member);
  }
  assert.notDeepEqual(eventComplaints({ type: 'error', code: 'x', message: 'flat', param: null }), []);
});

test('Stream_ThatContradictsItself_IsRefused', () => {
  assert.deepEqual(streamComplaints(events()), []);
  const renumbered = (list) => list.map((event, index) => ({ ...event, sequence_number: index }));
  const change = (type, edit) => events().map((event) => (event.type === type ? edit(event) : event));
  const wrong = {
    'a number is skipped': events().toSpliced(3, 1),
    'numbers start at 1': events().map((event) => ({ ...event, sequence_number: event.sequence_number + 1 })),
    'a delta is lost': renumbered(events().toSpliced(4, 1)),
    'an item is never added': renumbered(events().toSpliced(2, 1)),
    'an item is never done': renumbered(events().filter((event) => event.type !== 'response.output_item.done')),
    'two terminal events': renumbered([...events(), events().at(-1)]),
    'no terminal event': events().slice(0, -1),
    'no in_progress': renumbered(events().toSpliced(1, 1)),
    'another response ends': change('response.completed', (event) => (
      { ...event, response: { ...event.response, id: 'resp_other' } })),
    'another output': change('response.completed', (event) => (
      { ...event, response: { ...event.response, output: [] } })),
    'another text in the item': change('response.output_item.done', (event) => (
      { ...event, item: { ...event.item, content: [{ ...event.item.content[0], text: 'Hello?' }] } })),
    'an event of a stranger': change('response.output_text.done', (event) => ({ ...event, item_id: 'msg_9' })),
  };
  for (const [name, list] of Object.entries(wrong)) {
    assert.notDeepEqual(streamComplaints(list), [], name);
  }
});
