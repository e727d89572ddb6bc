#!/usr/bin/env bash
# Package: @huggingface/jinja 0.5.11 (npm).
# Guess:   `arguments.items()` lists the arguments of a tool call, as in Python, whatever their names are.
# Seen:    The engine looks for a key before it looks for a method.
#          A tool with an argument named `items`, `keys`, `values` or `get` makes the template throw.
#          Python's engine looks for the method first and renders the same call.
# Matters: Several chat templates walk over arguments with `.items()`.
#          An argument named `items` is common (order lines, list entries).
#          One such call in the history makes the whole conversation unrenderable for a JavaScript client.
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
const method = '{% for name, value in args.items() %}{{ name }}={{ value | tojson }};{% endfor %}';
const filter = '{% for name, value in args | items %}{{ name }}={{ value | tojson }};{% endfor %}';
const render = (template, args) => {
  try { return new Template(template).render({ args }); } catch (error) { return `throws: ${error.message}`; }
};
const rows = [
  ['.items(), argument "lines"', method, { lines: ['a'] }, (text) => text === 'lines=["a"];'],
  ['.items(), argument "items"', method, { items: ['a'] }, (text) => text.startsWith('throws: Cannot call something')],
  ['| items, argument "items"', filter, { items: ['a'] }, (text) => text === 'items=["a"];'],
  ['.get("x", 1), argument "get"', '{{ args.get("x", 1) }}', { get: 'b' }, (text) => text.startsWith('throws:')],
];
let same = true;
for (const [name, template, args, expected] of rows) {
  const seen = render(template, args);
  console.log(`${name.padEnd(29)} ${seen}`);
  same &&= expected(seen);
}
process.exit(same ? 0 : 1);
JS
timeout 30 node seen.mjs
