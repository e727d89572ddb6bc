// Right objects, for tests that make them wrong.

export const usage = () => ({
  input_tokens: 7,
  input_tokens_details: { cached_tokens: 2, cache_write_tokens: 0 },
  output_tokens: 3,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 10,
});

export const message = () => ({
  type: 'message',
  id: 'msg_1',
  status: 'completed',
  role: 'assistant',
  content: [{ type: 'output_text', text: 'Hello!', annotations: [], logprobs: [] }],
});

export const response = () => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_790_000_000,
  completed_at: 1_790_000_001,
  status: 'completed',
  incomplete_details: null,
  model: 'demo',
  previous_response_id: null,
  instructions: null,
  output: [message()],
  error: null,
  tools: [],
  tool_choice: 'auto',
  truncation: 'disabled',
  parallel_tool_calls: true,
  text: { format: { type: 'text' } },
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  top_logprobs: 0,
  temperature: 1,
  reasoning: { effort: null, summary: null },
  usage: usage(),
  max_output_tokens: null,
  max_tool_calls: null,
  store: true,
  background: false,
  service_tier: 'default',
  metadata: {},
  safety_identifier: null,
  prompt_cache_key: null,
});

export const errorFrame = () => ({
  type: 'error',
  status: 400,
  error: {
    type: 'invalid_request_error',
    code: 'previous_response_not_found',
    message: 'Previous response with id resp_9 not found.',
    param: 'previous_response_id',
  },
});

/** The events of one response that says `Hello!` in two deltas. */
export function events() {
  const running = { ...response(), status: 'in_progress', completed_at: null, usage: null, output: [] };
  const place = { item_id: 'msg_1', output_index: 0, content_index: 0 };
  const part = { type: 'output_text', text: '', annotations: [], logprobs: [] };
  const list = [
    { type: 'response.created', response: running },
    { type: 'response.in_progress', response: running },
    { type: 'response.output_item.added', output_index: 0,
      item: { ...message(), status: 'in_progress', content: [] } },
    { type: 'response.content_part.added', ...place, part },
    { type: 'response.output_text.delta', ...place, delta: 'Hel', logprobs: [] },
    { type: 'response.output_text.delta', ...place, delta: 'lo!', logprobs: [] },
    { type: 'response.output_text.done', ...place, text: 'Hello!', logprobs: [] },
    { type: 'response.content_part.done', ...place, part: message().content[0] },
    { type: 'response.output_item.done', output_index: 0, item: message() },
    { type: 'response.completed', response: response() },
  ];
  return list.map((event, index) => ({ ...event, sequence_number: index }));
}
