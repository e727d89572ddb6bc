#!/usr/bin/env bash
# Package: gpt-tokenizer 4.0.0 (`countChatCompletionTokens`), openai-chat-tokens 0.2.8 and
#          openai-gpt-token-counter 1.1.2 (npm).
# Guess:   A counter for chat messages counts the calls in the history: their names and arguments go to the model.
# Seen:    All three count a call in `tool_calls` as nothing: 1,000 words of arguments count like an empty message.
#          Two of them do count `function_call`, the form that is deprecated. The third also takes content in parts
#          for almost nothing.
# Matters: An agent's history is mostly calls: files that were written, patches, commands. A client that cuts
#          history by such a count sends far more than it believes, and meets the model's limit as an error.
#          Count on the server (`usage` of the last answer), or count the JSON of the calls besides.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  gpt-tokenizer@4.0.0 openai-chat-tokens@0.2.8 openai-gpt-token-counter@1.1.2 >/dev/null

cat > seen.cjs <<'JS'
const { countChatCompletionTokens } = require('gpt-tokenizer/model/gpt-4o');
const { promptTokensEstimate } = require('openai-chat-tokens');
const { chat } = require('openai-gpt-token-counter');

const counters = {
  'gpt-tokenizer': (messages) => countChatCompletionTokens({ messages }),
  'openai-chat-tokens': (messages) => promptTokensEstimate({ messages }),
  'openai-gpt-token-counter': (messages) => chat(messages, 'gpt-4o'),
};
const text = 'word '.repeat(1000);
const call = { name: 'write', arguments: JSON.stringify({ text }) };
const answers = {
  'a text': { content: text },
  'a call in tool_calls': { content: '', tool_calls: [{ id: 'c', type: 'function', function: call }] },
  'a call as function_call': { content: '', function_call: call },
};
const parts = [{ role: 'user', content: [{ type: 'text', text }] }];
const counts = (counter, answer) => counter([{ role: 'user', content: 'q' }, { role: 'assistant', ...answer }]);
let same = true;
for (const [name, counter] of Object.entries(counters)) {
  const nothing = counts(counter, { content: '' });
  for (const [kind, answer] of Object.entries(answers)) {
    const seen = counts(counter, answer) - nothing;
    console.log(`${name.padEnd(25)} ${kind.padEnd(24)} ${seen} tokens more than an empty answer`);
    const old = kind === 'a call as function_call' && name !== 'openai-gpt-token-counter';
    same &&= kind === 'a text' || old ? seen > 900 : seen === 0;
  }
}
const seen = counters['openai-gpt-token-counter'](parts);
console.log(`openai-gpt-token-counter  a text in parts          ${seen} tokens in all`);
process.exit(same && seen < 50 ? 0 : 1);
JS
timeout 50 node seen.cjs
