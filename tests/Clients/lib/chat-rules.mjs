// What a strict chat-completions server refuses, after the public API reference: `chatComplaints` lists what is wrong.

const topLevel = new Set([
  'messages', 'model', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls', 'temperature',
  'top_p', 'max_tokens', 'max_completion_tokens', 'presence_penalty', 'frequency_penalty', 'response_format', 'stop',
  'seed', 'n', 'logprobs', 'top_logprobs', 'logit_bias', 'user', 'reasoning_effort', 'verbosity', 'service_tier',
  'metadata', 'store', 'prompt_cache_key', 'prompt_cache_retention', 'safety_identifier',
]);
// `reasoning_content` is no word of the reference; servers that stream it take it back.
const memberOf = {
  system: ['content', 'name'],
  developer: ['content', 'name'],
  user: ['content', 'name'],
  assistant: ['content', 'name', 'refusal', 'tool_calls', 'reasoning_content'],
  tool: ['content', 'tool_call_id'],
};
const partsOf = {
  system: ['text'],
  developer: ['text'],
  user: ['text', 'image_url', 'input_audio', 'file'],
  assistant: ['text', 'refusal'],
  tool: ['text'],
};
const toolName = /^[a-zA-Z0-9_-]{1,64}$/;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value) => typeof value === 'string';
const isFilled = (value) => isText(value) && value.length > 0;

/** Everything wrong with a request's body; empty if the server takes it. */
export function chatComplaints(body) {
  if (!isObject(body)) return ['the body is not an object'];
  return [
    ...strangers(body, [...topLevel], 'body'),
    ...(isFilled(body.model) ? [] : ['body.model is missing']),
    ...(body.stream === true ? [] : ['body.stream is not true']),
    ...toolsComplaints(body),
    ...messagesComplaints(body.messages),
  ];
}

function strangers(value, known, where) {
  return Object.keys(value).filter((member) => !known.includes(member))
    .map((member) => `${where}.${member} is unknown`);
}

function toolsComplaints({ tools, tool_choice: choice, parallel_tool_calls: parallel }) {
  if (tools === undefined) {
    return [
      ...(choice === undefined ? [] : ['tool_choice is there without tools']),
      ...(parallel === undefined ? [] : ['parallel_tool_calls is there without tools']),
    ];
  }
  if (!Array.isArray(tools) || tools.length === 0) return ['tools is no array of at least one'];
  const names = tools.map((tool) => tool?.function?.name);
  return [
    ...tools.flatMap(toolComplaints),
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `two tools are named ${name}`),
    ...choiceComplaints(choice, names),
  ];
}

function choiceComplaints(choice, names) {
  if (choice === undefined || ['none', 'auto', 'required'].includes(choice)) return [];
  const isKnown = choice?.type === 'allowed_tools' ||
    (choice?.type === 'function' && names.includes(choice.function?.name));
  return isKnown ? [] : [`tool_choice is ${JSON.stringify(choice)}`];
}

function toolComplaints(tool, index) {
  const where = `tools[${index}]`;
  if (tool?.type !== 'function' || !isObject(tool.function)) return [`${where} is no function`];
  const { name, description, parameters, strict } = tool.function;
  const rules = [
    [isText(name) && toolName.test(name), 'name', name],
    [description === undefined || isText(description), 'description', description],
    [parameters === undefined || (isObject(parameters) && parameters.type === 'object'), 'parameters', parameters],
    [strict === undefined || strict === null || typeof strict === 'boolean', 'strict', strict],
  ];
  return [
    ...strangers(tool, ['type', 'function'], where),
    ...strangers(tool.function, ['name', 'description', 'parameters', 'strict'], `${where}.function`),
    ...rules.filter(([holds]) => !holds)
      .map(([, member, value]) => `${where}.function.${member} is ${JSON.stringify(value)}`),
  ];
}

function messagesComplaints(messages) {
  if (!Array.isArray(messages) || messages.length === 0) return ['messages is no array of at least one'];
  return [
    ...messages.flatMap((message, index) => messageComplaints(message, `messages[${index}]`)),
    ...pairingComplaints(messages),
  ];
}

function messageComplaints(message, where) {
  const members = memberOf[message?.role];
  if (members === undefined) return [`${where}.role is ${JSON.stringify(message?.role)}`];
  return [
    ...strangers(message, ['role', ...members], where),
    ...contentComplaints(message, where),
    ...(message.tool_calls === undefined ? [] : callsComplaints(message.tool_calls, `${where}.tool_calls`)),
    ...(message.role === 'tool' && !isFilled(message.tool_call_id) ? [`${where}.tool_call_id is missing`] : []),
  ];
}

function contentComplaints({ role, content, tool_calls: calls, refusal }, where) {
  if (isText(content)) return [];
  const mayLack = role === 'assistant' && (calls !== undefined || isText(refusal));
  if (content === null || content === undefined) return mayLack ? [] : [`${where}.content is missing`];
  if (!Array.isArray(content) || content.length === 0) return [`${where}.content is no text and no array of parts`];
  return content.flatMap((part, index) => {
    const isKnown = partsOf[role].includes(part?.type) && isPart(part);
    return isKnown ? [] : [`${where}.content[${index}] is ${JSON.stringify(part)?.slice(0, 200)}`];
  });
}

function isPart(part) {
  if (part.type === 'text') return isText(part.text);
  if (part.type === 'image_url') return isObject(part.image_url) && isFilled(part.image_url.url);
  return isObject(part[part.type]) || isText(part[part.type]);
}

function callsComplaints(calls, where) {
  if (!Array.isArray(calls) || calls.length === 0) return [`${where} is no array of at least one`];
  return calls.flatMap((call, index) => {
    const rules = [
      [isFilled(call?.id), 'id'],
      [call?.type === 'function', 'type'],
      [isText(call?.function?.name) && toolName.test(call.function.name), 'function.name'],
      [isText(call?.function?.arguments) && isJsonObject(call.function.arguments), 'function.arguments'],
    ];
    return rules.filter(([holds]) => !holds)
      .map(([, member]) => `${where}[${index}].${member} is wrong: ${JSON.stringify(call)?.slice(0, 200)}`);
  });
}

/** Templates of many model servers read the arguments back as an object. */
function isJsonObject(text) {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}

/** Every call is answered, once, by the tool messages right behind the message that made it. */
function pairingComplaints(messages) {
  const complaints = [];
  let open = new Set();
  messages.forEach((message, index) => {
    const where = `messages[${index}]`;
    if (message?.role === 'tool') {
      if (!open.delete(message.tool_call_id)) {
        complaints.push(`${where} answers ${message.tool_call_id}, which is no open call of the message before`);
      }
      return;
    }
    if (open.size > 0) complaints.push(`${where} comes before the calls ${[...open]} are answered`);
    open = new Set((Array.isArray(message?.tool_calls) ? message.tool_calls : []).map((call) => call?.id));
  });
  if (open.size > 0) complaints.push(`the messages end before the calls ${[...open]} are answered`);
  return complaints;
}
