#!/usr/bin/env bash
# Package: @huggingface/jinja 0.5.11 (npm), the engine that renders chat templates in JavaScript.
# Guess:   `text.strip('\n')` removes line feeds only, as in Python, where chat templates are written.
# Seen:    `strip`, `lstrip` and `rstrip` ignore their argument and remove all white space.
# Matters: Templates of reasoning models write thoughts and answers with `strip('\n')`.
#          The JavaScript side then counts, caches or compares a prompt that differs from the prompt of the server.
#          Code loses the indent of its first line.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @huggingface/jinja@0.5.11 >/dev/null

cat > seen.mjs <<'JS'
import { Template } from '@huggingface/jinja';
const text = '\n    return 1;  \n';
const render = (call) => new Template(`{{ text.${call} }}`).render({ text });
const rows = [
  // call, what Python gives, what was seen
  ["strip('\\n')", '    return 1;  ', 'return 1;'],
  ["lstrip('\\n')", '    return 1;  \n', 'return 1;  \n'],
  ["rstrip('\\n')", '\n    return 1;  ', '\n    return 1;'],
];
let same = true;
for (const [call, python, expected] of rows) {
  const seen = render(call);
  console.log(`${call.padEnd(13)} Python ${JSON.stringify(python).padEnd(22)} seen ${JSON.stringify(seen)}`);
  same &&= seen === expected;
}
process.exit(same ? 0 : 1);
JS
timeout 30 node seen.mjs
