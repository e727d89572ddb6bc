#!/usr/bin/env bash
# Package: json-schema-to-zod 2.8.1 (npm). Its page: "Zod schemas in the form of JavaScript code".
# Guess:   `jsonSchemaToZod(schema, { module: 'cjs' })` gives code that node runs, whatever the schema is.
# Seen:    With `oneOf` anywhere in the schema the code holds type arguments of TypeScript: a SyntaxError.
#          `anyOf` with the same content, `allOf`, `not`, `patternProperties` and `if` give JavaScript.
# Matters: Agents make tools of schemas that they get at run time (MCP servers) by evaluating such code.
#          One tool with `oneOf` (a tagged union in Rust, C# or OpenAPI) fails, and often the whole list with it.
#          A server that writes tool schemas is safe with `anyOf`.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts json-schema-to-zod@2.8.1 zod@4.6.7 >/dev/null

cat > seen.cjs <<'JS'
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { jsonSchemaToZod } = require('json-schema-to-zod');

const choices = [{ type: 'string' }, { type: 'number' }];
const object = (value) => ({ type: 'object', properties: { value } });
const rows = [
  ['anyOf', object({ anyOf: choices }), 'runs'],
  ['allOf', object({ allOf: [{ type: 'string' }, { minLength: 1 }] }), 'runs'],
  ['not', object({ not: { type: 'string' } }), 'runs'],
  ['patternProperties', { type: 'object', patternProperties: { '^x': { type: 'number' } } }, 'runs'],
  ['if', { type: 'object', if: { required: ['a'] }, then: { required: ['b'] }, else: {} }, 'runs'],
  ['oneOf', object({ oneOf: choices }), 'SyntaxError'],
  ['oneOf at the root', { oneOf: [object(choices[0]), object(choices[1])] }, 'SyntaxError'],
];
let same = true;
for (const [name, schema, expected] of rows) {
  fs.writeFileSync('made.cjs', jsonSchemaToZod(schema, { module: 'cjs' }));
  const { status, stderr } = spawnSync('node', ['made.cjs'], { encoding: 'utf8' });
  const seen = status === 0 ? 'runs' : (/\w+Error/.exec(stderr) ?? ['fails'])[0];
  console.log(`${name.padEnd(18)} ${seen}`);
  same &&= seen === expected;
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.cjs
