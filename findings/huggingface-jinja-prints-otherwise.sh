#!/usr/bin/env bash
# Package: @huggingface/jinja 0.5.11 (npm), against Jinja2 3.1.2 of Python (Debian 12).
# Guess:   `{{ value }}` prints a value as the engine does for which chat templates are written.
# Seen:    null prints as nothing; in Python it prints "None". Lists and objects print as JSON: ["a", true];
#          in Python as ['a', True]. A boolean prints as true; in Python as True.
# Matters: An assistant message that only calls a tool has `content: null`. The model server's prompt then holds the
#          word "None" where a JavaScript client sees nothing. Templates that print tools or arguments without
#          `tojson` give two different prompts. A server is safe if it leaves a null `content` out or sends "".
# Needs:   node 20 or newer, npm, python3 with jinja2 (package python3-jinja2).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts @huggingface/jinja@0.5.11 >/dev/null

cat > seen.cjs <<'JS'
const { execFileSync } = require('node:child_process');
const { Template } = require('@huggingface/jinja');

const context = {
  message: { role: 'assistant', content: null },
  call: { name: 'run', arguments: { path: 'a.js', force: true } },
  names: ['a', null],
};
const python = `
import json, sys, jinja2
template, context = sys.argv[1:]
print(jinja2.Environment().from_string(template).render(**json.loads(context)), end="")
`;
const rows = [
  ['{{ message.role }}', 'assistant', 'assistant'],
  ['{{ call.arguments.force }}', 'true', 'True'],
  ['{{ message.content }}', '', 'None'],
  ['{{ message.content or "" }}', '', ''],
  ['{{ call.arguments }}', '{"path": "a.js", "force": true}', "{'path': 'a.js', 'force': True}"],
  ['{{ names }}', '["a", null]', "['a', None]"],
];
let same = true;
for (const [template, ...expected] of rows) {
  const seen = [new Template(template).render(context)];
  seen.push(execFileSync('python3', ['-c', python, template, JSON.stringify(context)], { encoding: 'utf8' }));
  console.log(`${template.padEnd(30)} JavaScript: ${seen[0].padEnd(34)} Python: ${seen[1]}`);
  same &&= seen.join() === expected.join();
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.cjs
