// What the strictest of the chat-completions servers refuse, and what single kinds of servers add to that: the rules of
// docs/models.md, written down without a look at how requests are made.

const topMembers = ['model', 'messages', 'stream', 'tools', 'tool_choice', 'temperature', 'top_p', 'response_format'];

/** What one kind of server knows beyond that; `plain` is what every server knows. */
const kinds = {
  plain: { top: ['stream_options', 'max_tokens'] },
  mistral: { top: ['max_tokens', 'parallel_tool_calls', 'prompt_cache_key', 'reasoning_effort', 'presence_penalty',
    'frequency_penalty'], efforts: ['none', 'high'], callId: /^[a-zA-Z0-9]{9}$/ },
  gemini: { top: ['stream_options', 'max_tokens', 'reasoning_effort'], efforts: ['minimal', 'low', 'medium', 'high'],
    call: ['extra_content'] },
  deepseek: { top: ['stream_options', 'max_tokens', 'reasoning_effort'], efforts: ['low', 'high', 'max'],
    assistant: ['reasoning_content'] },
  'llama.cpp': { top: ['stream_options', 'max_tokens', 'parallel_tool_calls', 'reasoning_effort'],
    assistant: ['reasoning_content'] },
  openrouter: { top: ['stream_options', 'max_tokens', 'parallel_tool_calls', 'reasoning_effort', 'user', 'session_id',
    'prompt_cache_key'], assistant: ['reasoning_details'] },
};

const toolName = /^[a-zA-Z0-9_-]{1,64}$/;
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Everything wrong with a request; empty if a server of this kind takes it. */
export function strictComplaints(body, kind = 'plain') {
  if (!isObject(body)) return ['the body is not an object'];
  const rules = kinds[kind];
  const messages = Array.isArray(body.messages) ? body.messages : [];
  return [
    ...halves(body, 'body'),
    ...strangers(body, [...topMembers, ...rules.top], 'body'),
    ...Object.keys(body).filter((name) => body[name] === null).map((name) => `body.${name} is null`),
    ...(body.stream === true ? [] : ['body.stream is not true']),
    ...(rules.efforts && body.reasoning_effort !== undefined && !rules.efforts.includes(body.reasoning_effort)
      ? [`reasoning_effort is ${body.reasoning_effort}`] : []),
    ...toolComplaints(body),
    ...messages.flatMap((message, index) => messageComplaints(message, index, rules)),
    ...orderComplaints(messages),
    ...speakerComplaints(messages),
  ];
}

function strangers(value, known, where) {
  return Object.keys(value).filter((name) => !known.includes(name)).map((name) => `${where}.${name} is unknown`);
}

/** Texts with half a surrogate pair, at any depth, also behind the escapes of a call's arguments. */
function halves(value, where) {
  if (typeof value === 'string') return value.isWellFormed() ? [] : [`${where} has half a character`];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    ...halves(inner, `${where}.${name}`),
    ...(name === 'arguments' && typeof inner === 'string' ? halves(parsed(inner), `${where}.arguments, parsed,`) : []),
  ]);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toolComplaints({ tools, tool_choice: choice }) {
  if (tools === undefined) return choice === undefined ? [] : ['tool_choice is there without tools'];
  if (!Array.isArray(tools) || tools.length === 0) return ['tools is no array of at least one'];
  const names = tools.map((tool) => tool?.function?.name);
  return [
    ...(choice === undefined || ['auto', 'none', 'required'].includes(choice)
      ? [] : [`tool_choice is ${JSON.stringify(choice)}`]),
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `two tools are named ${name}`),
    ...tools.flatMap((tool, index) => functionComplaints(tool, `tools[${index}]`)),
  ];
}

function functionComplaints(tool, where) {
  if (tool?.type !== 'function' || !isObject(tool.function)) return [`${where} is no function`];
  const { name, description, parameters } = tool.function;
  const isWhole = isObject(parameters) && parameters.type === 'object' && isObject(parameters.properties);
  return [
    ...strangers(tool, ['type', 'function'], where),
    ...strangers(tool.function, ['name', 'description', 'parameters'], `${where}.function`),
    ...(toolName.test(name) ? [] : [`${where}.function.name is ${JSON.stringify(name)}`]),
    ...(description === undefined || typeof description === 'string' ? [] : [`${where}.function.description`]),
    ...(isWhole ? [] : [`${where}.function.parameters is ${JSON.stringify(parameters)}`]),
  ];
}

function messageComplaints(message, index, { assistant = [], call = [], callId = /^.{1,64}$/ }) {
  const where = `messages[${index}]`;
  const members = { system: [], user: [], assistant: ['tool_calls', ...assistant], tool: ['tool_call_id'] };
  const known = members[message?.role];
  if (known === undefined) return [`${where}.role is ${JSON.stringify(message?.role)}`];
  return [
    ...strangers(message, ['role', 'content', ...known], where),
    ...contentComplaints(message, where),
    ...(message.tool_calls === undefined ? [] : callsComplaints(message.tool_calls, where, call, callId)),
    ...(message.role === 'tool' && !callId.test(message.tool_call_id) ? [`${where}.tool_call_id`] : []),
  ];
}

/** A text everywhere; parts only in a user's message that holds more than text. */
function contentComplaints({ role, content, tool_calls: calls }, where) {
  if (typeof content === 'string') {
    return content !== '' || role === 'tool' || calls !== undefined ? [] : [`${where}.content is empty`];
  }
  const mayLack = role === 'assistant' && calls !== undefined && (content === null || content === undefined);
  const isMedia = role === 'user' && Array.isArray(content) && content.some(({ type }) => type !== 'text');
  return mayLack || isMedia ? [] : [`${where}.content is ${JSON.stringify(content)?.slice(0, 200)}`];
}

function callsComplaints(calls, where, more, callId) {
  if (!Array.isArray(calls) || calls.length === 0) return [`${where}.tool_calls is no array of at least one`];
  return calls.flatMap((call, index) => {
    const place = `${where}.tool_calls[${index}]`;
    const { id, type, function: called } = call;
    return [
      ...strangers(call, ['id', 'type', 'function', ...more], place),
      ...strangers(called ?? {}, ['name', 'arguments'], `${place}.function`),
      ...(callId.test(id) && type === 'function' && toolName.test(called?.name) ? [] : [`${place} is no call`]),
      ...(isObject(parsed(called?.arguments)) ? [] : [`${place}.function.arguments is no JSON object`]),
    ];
  });
}

/** One system message, and only first; all outputs right behind their calls, and nothing between. */
function orderComplaints(messages) {
  const complaints = [];
  let open = [];
  messages.forEach((message, index) => {
    const where = `messages[${index}]`;
    if (message?.role === 'system' && index > 0) complaints.push(`${where} is a system message that is not the first`);
    if (message?.role === 'tool') {
      if (!open.includes(message.tool_call_id)) complaints.push(`${where} answers no open call`);
      open = open.filter((id) => id !== message.tool_call_id);
      return;
    }
    if (open.length > 0) complaints.push(`${where} stands between a call and its output`);
    open = (message?.tool_calls ?? []).map(({ id }) => id);
    if (new Set(open).size < open.length) complaints.push(`${where} has two calls of one id`);
  });
  return open.length > 0 ? [...complaints, 'the last calls have no outputs'] : complaints;
}

/** The user begins, speakers alternate, and a user or a tool speaks last. Calls and outputs stand between speakers. */
function speakerComplaints(messages) {
  const said = messages[0]?.role === 'system' ? messages.slice(1) : messages;
  const roles = said.map((message) => message?.role);
  const speakers = said.filter(({ role, tool_calls: calls }) => role !== 'tool' && calls === undefined);
  const twice = speakers.findIndex(({ role }, index) => role === speakers[index + 1]?.role);
  return [
    ...(roles[0] === 'user' ? [] : [`the first speaker is ${roles[0]}`]),
    ...(['user', 'tool'].includes(roles.at(-1)) ? [] : [`the last message is of role ${roles.at(-1)}`]),
    ...(twice < 0 ? [] : [`${speakers[twice].role} speaks twice in a row`]),
    ...(roles.some((role, index) => role === 'tool' && roles[index + 1] === 'user') ? ['a user behind a tool'] : []),
  ];
}
