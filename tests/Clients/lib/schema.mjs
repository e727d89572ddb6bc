// Checks response objects and events against the shapes that OpenAI's and Open Responses' schemas both require.
// Each check returns a list of complaints, empty when all is well; `assertResponse` and `assertEvent` throw them.

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isInteger = (value) => Number.isInteger(value);
const isCount = (value) => Number.isInteger(value) && value >= 0;
const isString = (value) => typeof value === 'string';
const isId = (value) => isString(value) && value.length > 0;
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
const isBoolean = (value) => typeof value === 'boolean';
const isArray = Array.isArray;
const orNull = (check) => (value) => value === null || check(value);
const oneOf = (...values) => (value) => values.includes(value);
const anything = () => true;

const responseStatuses = ['completed', 'failed', 'in_progress', 'cancelled', 'queued', 'incomplete'];
const itemStatuses = ['in_progress', 'completed', 'incomplete'];

/** All 31 members that must be present, in the union of both schemas, with what each may hold. */
export const responseMembers = {
  id: (value) => isString(value) && value.startsWith('resp_'),
  object: oneOf('response'),
  created_at: isInteger,
  completed_at: orNull(isInteger),
  status: oneOf(...responseStatuses),
  incomplete_details: orNull((value) => isObject(value) && isString(value.reason)),
  model: isId,
  previous_response_id: orNull(isId),
  instructions: orNull((value) => isString(value) || isArray(value)),
  output: isArray,
  error: orNull((value) => isObject(value) && isId(value.code) && isString(value.message)),
  tools: isArray,
  tool_choice: (value) => isId(value) || isObject(value),
  truncation: oneOf('auto', 'disabled'),
  parallel_tool_calls: isBoolean,
  text: (value) => isObject(value) && isObject(value.format) && isId(value.format.type),
  top_p: isNumber,
  presence_penalty: isNumber,
  frequency_penalty: isNumber,
  top_logprobs: isInteger,
  temperature: isNumber,
  reasoning: orNull((value) => isObject(value) && has(value, 'effort') && has(value, 'summary')),
  usage: orNull((value) => usageComplaints(value).length === 0),
  max_output_tokens: orNull(isInteger),
  max_tool_calls: orNull(isInteger),
  store: isBoolean,
  background: isBoolean,
  service_tier: isId,
  metadata: isObject,
  safety_identifier: orNull(isString),
  prompt_cache_key: orNull(isString),
};

const partShapes = {
  output_text: { text: isString, annotations: isArray, logprobs: isArray },
  refusal: { refusal: isString },
  summary_text: { text: isString },
  reasoning_text: { text: isString },
};

const itemShapes = {
  message: { id: isId, status: oneOf(...itemStatuses), role: oneOf('assistant'), content: isArray },
  function_call: {
    id: isId, call_id: isId, name: isId, arguments: isString, status: oneOf(...itemStatuses),
  },
  custom_tool_call: { id: isId, call_id: isId, name: isId, input: isString },
  reasoning: { id: isId, summary: isArray },
  compaction: { id: isId, encrypted_content: isString },
};

const at = { item_id: isId, output_index: isCount };
const inContent = { ...at, content_index: isCount };
const inSummary = { ...at, summary_index: isCount };
const withResponse = { response: isObject };
const withItem = { output_index: isCount, item: isObject };
const withPart = { ...inContent, part: isObject };
const withSummaryPart = { ...inSummary, part: isObject };

/** The members each event must have beside `type` and `sequence_number`. */
export const eventMembers = {
  'response.created': withResponse,
  'response.queued': withResponse,
  'response.in_progress': withResponse,
  'response.completed': withResponse,
  'response.failed': withResponse,
  'response.incomplete': withResponse,
  'response.output_item.added': withItem,
  'response.output_item.done': withItem,
  'response.content_part.added': withPart,
  'response.content_part.done': withPart,
  'response.output_text.delta': { ...inContent, delta: isString, logprobs: isArray },
  'response.output_text.done': { ...inContent, text: isString, logprobs: isArray },
  'response.output_text.annotation.added': { ...inContent, annotation_index: isCount, annotation: isObject },
  'response.refusal.delta': { ...inContent, delta: isString },
  'response.refusal.done': { ...inContent, refusal: isString },
  'response.function_call_arguments.delta': { ...at, delta: isString },
  'response.function_call_arguments.done': { ...at, name: isId, arguments: isString },
  'response.custom_tool_call_input.delta': { ...at, delta: isString },
  'response.custom_tool_call_input.done': { ...at, input: isString },
  'response.reasoning_summary_part.added': withSummaryPart,
  'response.reasoning_summary_part.done': withSummaryPart,
  'response.reasoning_summary_text.delta': { ...inSummary, delta: isString },
  'response.reasoning_summary_text.done': { ...inSummary, text: isString },
  'response.reasoning_text.delta': { ...inContent, delta: isString },
  'response.reasoning_text.done': { ...inContent, text: isString },
};

const outcomeOf = {
  'response.completed': ['completed'],
  'response.failed': ['failed'],
  'response.incomplete': ['incomplete', 'cancelled'],
  'response.created': ['in_progress', 'queued'],
  'response.queued': ['queued'],
  'response.in_progress': ['in_progress'],
};

function has(value, member) {
  return Object.hasOwn(value, member);
}

/** Complaints about members that are missing or hold what they must not. */
function memberComplaints(value, members, where) {
  return Object.entries(members).flatMap(([member, check]) => {
    if (!has(value, member)) return [`${where}.${member} is missing`];
    return check(value[member]) ? [] : [`${where}.${member} is ${JSON.stringify(value[member])}`];
  });
}

/** Complaints about members that may be absent but never null. */
function nullComplaints(value, members, where) {
  return members.filter((member) => isObject(value) && value[member] === null)
    .map((member) => `${where}.${member} is null; it must be absent`);
}

export function usageComplaints(usage, where = 'usage') {
  if (!isObject(usage)) return [`${where} is not an object`];
  const found = memberComplaints(usage, {
    input_tokens: isCount,
    input_tokens_details: (value) => isObject(value) &&
      isCount(value.cached_tokens) && isCount(value.cache_write_tokens),
    output_tokens: isCount,
    output_tokens_details: (value) => isObject(value) && isCount(value.reasoning_tokens),
    total_tokens: isCount,
  }, where);
  const sum = usage.input_tokens + usage.output_tokens;
  return found.length === 0 && usage.total_tokens !== sum
    ? [`${where}.total_tokens is ${usage.total_tokens}, not ${sum}`]
    : found;
}

export function partComplaints(part, where = 'part') {
  if (!isObject(part)) return [`${where} is not an object`];
  const shape = partShapes[part.type];
  return shape === undefined
    ? [`${where}.type is ${JSON.stringify(part.type)}`]
    : memberComplaints(part, shape, where);
}

export function outputItemComplaints(item, where = 'item') {
  if (!isObject(item)) return [`${where} is not an object`];
  const shape = itemShapes[item.type];
  if (shape === undefined) return [`${where}.type is ${JSON.stringify(item.type)}`];
  const parts = [...listOf(item.content, 'content'), ...listOf(item.summary, 'summary')];
  return [
    ...memberComplaints(item, shape, where),
    ...nullComplaints(item, ['encrypted_content', 'phase', 'namespace', 'status'], where),
    ...parts.flatMap(([name, index, part]) => partComplaints(part, `${where}.${name}[${index}]`)),
  ];
}

function listOf(list, name) {
  return isArray(list) ? list.map((value, index) => [name, index, value]) : [];
}

function toolComplaints(tool, where) {
  if (!isObject(tool) || !isId(tool.type)) return [`${where} has no type`];
  if (tool.type !== 'function') return [];
  return memberComplaints(tool, { name: isId, description: anything, parameters: anything, strict: anything }, where);
}

/** Complaints about how a status and the members that explain it go together. */
function statusComplaints(response) {
  const { status, error, incomplete_details: details, completed_at: completedAt } = response;
  const rules = [
    [(status === 'failed') === (error !== null), 'error'],
    [(status === 'incomplete') === (details !== null), 'incomplete_details'],
    [status !== 'completed' || completedAt !== null, 'completed_at'],
    [!['in_progress', 'queued'].includes(status) || completedAt === null, 'completed_at'],
  ];
  return rules.filter(([holds]) => !holds)
    .map(([, member]) => `response.${member} is ${JSON.stringify(response[member])} while status is ${status}`);
}

export function responseComplaints(response) {
  if (!isObject(response)) return ['response is not an object'];
  const found = memberComplaints(response, responseMembers, 'response');
  if (found.length > 0) return [...found, ...(isObject(response.usage) ? usageComplaints(response.usage) : [])];
  return [
    ...nullComplaints(response.text, ['verbosity'], 'response.text'),
    ...statusComplaints(response),
    ...response.tools.flatMap((tool, index) => toolComplaints(tool, `response.tools[${index}]`)),
    ...response.output.flatMap((item, index) => outputItemComplaints(item, `response.output[${index}]`)),
  ];
}

export function eventComplaints(event) {
  if (!isObject(event)) return ['event is not an object'];
  if (event.type === 'error') return errorFrameComplaints(event);
  const members = eventMembers[event.type];
  if (members === undefined) return [`event type ${JSON.stringify(event.type)} is unknown`];
  const found = memberComplaints(event, { sequence_number: isCount, ...members }, event.type);
  if (found.length > 0) return found;
  if (has(members, 'item')) found.push(...outputItemComplaints(event.item, `${event.type}.item`));
  if (has(members, 'part')) found.push(...partComplaints(event.part, `${event.type}.part`));
  if (has(members, 'response')) {
    found.push(...responseComplaints(event.response));
    if (!outcomeOf[event.type].includes(event.response.status)) {
      found.push(`${event.type}.response.status is ${JSON.stringify(event.response.status)}`);
    }
  }
  return found;
}

export function errorFrameComplaints(frame) {
  const found = memberComplaints(frame, { status: isInteger, error: isObject }, 'error frame');
  if (found.length > 0) return found;
  const members = { type: isId, code: isId, message: isId, param: orNull(isId) };
  return [
    ...memberComplaints(frame.error, members, 'error frame.error'),
    ...(frame.status >= 400 && frame.status <= 599 ? [] : [`error frame.status is ${frame.status}`]),
  ];
}

function throwAny(complaints, value) {
  if (complaints.length > 0) throw new Error(`${complaints.join('\n')}\nin ${JSON.stringify(value)}`);
}

export const assertResponse = (response) => throwAny(responseComplaints(response), response);
export const assertEvent = (event) => throwAny(eventComplaints(event), event);
