// What a Responses server that keeps nothing refuses, and how it answers: it seals its thoughts, and knows items by ids
// of its own.

const memberOf = {
  message: ['role', 'content', 'id', 'status', 'phase'],
  reasoning: ['id', 'summary', 'content', 'encrypted_content', 'status'],
  function_call: ['id', 'call_id', 'name', 'arguments', 'status'],
  function_call_output: ['id', 'call_id', 'output', 'status'],
};

const messageId = 'msg_sealed';

/** The items of an answer that thinks and calls a tool. */
const itemsOf = ({ id, secret, arguments: text }) => [
  { type: 'reasoning', id: `rs_${secret}`, summary: [], encrypted_content: `gAAA${secret}` },
  { type: 'function_call', id: `fc_${id}`, call_id: id, name: 'look', arguments: text, status: 'completed' },
];

/** Everything wrong with a create; `given` are the calls that the server made. */
export function responsesComplaints(body, given) {
  const items = given.flatMap(itemsOf);
  return [
    ...(body.store === false ? [] : ['store is not false']),
    ...(body.previous_response_id ? ['previous_response_id: nothing is stored here'] : []),
    ...body.input.flatMap((item, index) => itemComplaints(item, `input[${index}]`, items)),
    ...orderComplaints(body.input),
  ];
}

function itemComplaints(item, where, own) {
  const known = memberOf[item.type];
  if (known === undefined) return [`${where}.type is ${JSON.stringify(item.type)}`];
  const given = own.find((one) => one.id === item.id);
  const sealed = own.find((one) => one.encrypted_content && one.encrypted_content === item.encrypted_content);
  const made = own.find((one) => one.arguments && one.arguments === item.arguments);
  return [
    ...Object.keys(item).filter((name) => name !== 'type' && !known.includes(name))
      .map((name) => `${where}.${name} is unknown`),
    ...(item.id === undefined || item.id === messageId || given ? [] : [`${where}.id: there is no item ${item.id}`]),
    ...(sealed && sealed.id !== item.id ? [`${where} has the thoughts of ${sealed.id}`] : []),
    ...(item.encrypted_content && !sealed ? [`${where}.encrypted_content could not be verified`] : []),
    ...(made && (made.id !== item.id || made.call_id !== item.call_id) ? [`${where} is not called ${made.id}`] : []),
  ];
}

function orderComplaints(input) {
  const open = new Set();
  const complaints = [];
  for (const { type, call_id: id } of input) {
    if (type === 'function_call') open.add(id);
    if (type === 'function_call_output' && !open.delete(id)) complaints.push(`No tool call found for ${id}.`);
  }
  return [...complaints, ...[...open].map((id) => `No tool output found for function call ${id}.`)];
}

const begun = (item) => (
  { ...item, ...(item.status && { status: 'in_progress' }), ...(item.content && { content: [] }) });

/** The events of an answer of a server: a thought and a call, or a text where there is no call. */
export function responsesAnswer(name, call) {
  const text = { type: 'output_text', text: `${name} saw it`, annotations: [], logprobs: [] };
  const output = call ? itemsOf(call)
    : [{ type: 'message', id: messageId, role: 'assistant', status: 'completed', content: [text] }];
  const response = { id: 'resp_sealed', object: 'response', status: 'completed', output,
    usage: { input_tokens: 90, output_tokens: 9, total_tokens: 99 } };
  const events = [
    { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
    ...output.flatMap((item, index) => [
      { type: 'response.output_item.added', output_index: index, item: begun(item) },
      { type: 'response.output_item.done', output_index: index, item },
    ]),
    { type: 'response.completed', response },
  ];
  return events.map((event, index) => (
    `event: ${event.type}\ndata: ${JSON.stringify({ sequence_number: index, ...event })}\n\n`)).join('');
}
