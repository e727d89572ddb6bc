#!/usr/bin/env bash
# Package: minijinja-js 2.11.0 (npm), MiniJinja compiled for JavaScript, against @huggingface/jinja 0.5.11.
# Guess:   `tools | tojson` and `arguments.items()` keep the order of keys, as Python's engine does.
# Seen:    All keys are sorted by the alphabet: {"type":…,"function":…} begins with "function", the properties of a
#          schema change places, and so do the arguments of a call. `tojson` writes < > & and ' as \u003c and so on.
# Matters: The order of properties in a schema is part of the prompt: "reason" before "answer" makes a model think
#          first. Here "answer" comes first. A prompt that is rendered so shares no prefix with the one of a
#          server with another engine, so counts and caches differ too.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  minijinja-js@2.11.0 @huggingface/jinja@0.5.11 >/dev/null

cat > seen.cjs <<'JS'
const { Template } = require('@huggingface/jinja');
const { Environment } = require('minijinja-js');

const context = {
  schema: { type: 'object', properties: { reason: { type: 'string' }, answer: { type: 'string' } } },
  arguments: { reason: 'r', answer: 'a' },
  text: 'a < b',
};
const engines = {
  huggingface: (template) => new Template(template).render(context),
  minijinja: (template) => {
    const environment = new Environment();
    environment.enablePyCompat();
    return environment.renderStr(template, context);
  },
};
const rows = [
  ['{{ schema | tojson }}', '"reason".*"answer".*', '"answer".*"reason".*"type"'],
  ['{% for name, value in arguments.items() %}{{ name }} {% endfor %}', 'reason answer', 'answer reason'],
  ['{{ arguments.keys() | list | join(" ") }}', 'reason answer', 'answer reason'],
  ['{{ text }}', 'a < b', 'a < b'],
  ['{{ text | tojson }}', 'a < b', 'a \\\\u003c b'],
];
let same = true;
for (const [template, ...expected] of rows) {
  console.log(template);
  Object.entries(engines).forEach(([name, render], number) => {
    const seen = render(template);
    console.log(`   ${name.padEnd(12)} ${seen}`);
    same &&= new RegExp(expected[number]).test(seen);
  });
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.cjs
