#!/usr/bin/env bash
# Package: @mlc-ai/web-xgrammar 0.1.27 (npm), XGrammar compiled for JavaScript.
# Guess:   `patternProperties` or `propertyNames` beside `properties` adds to them; what is required stays required.
# Seen:    With `patternProperties` the properties can not be written any more, not even required ones: the model
#          writes {} or names that match the pattern. With `propertyNames` they lose their types and may be missing.
#          `additionalProperties` and `minProperties` beside `properties` are right.
# Matters: "Some fixed fields and free ones named x-…" is a usual schema for headers, labels and environments.
#          The answer is an empty object or has the wrong types, and the caller's check refuses each of them.
#          Use `additionalProperties` for the free fields.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  @mlc-ai/web-xgrammar@0.1.27 >/dev/null
# The package is CommonJS but its package.json says "module": a copy with another ending loads.
cp node_modules/@mlc-ai/web-xgrammar/lib/index.js grammar.cjs

cat > seen.mjs <<'JS'
import { createRequire } from 'node:module';
const { Grammar, Testings } = createRequire(import.meta.url)('./grammar.cjs');
const fixed = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
const free = { type: 'string' };
const rows = [
  [fixed, '{"a": 1}', true],
  [fixed, '{}', false],
  [{ ...fixed, additionalProperties: free }, '{"a": 1, "x": "y"}', true],
  [{ ...fixed, additionalProperties: free }, '{}', false],
  [{ ...fixed, minProperties: 1 }, '{"a": 1}', true],
  [{ ...fixed, patternProperties: { '^x$': free } }, '{"a": 1}', false],
  [{ ...fixed, patternProperties: { '^x$': free } }, '{"a": 1, "x": "y"}', false],
  [{ ...fixed, patternProperties: { '^x$': free } }, '{"x": "y"}', true],
  [{ ...fixed, patternProperties: { '^x$': free } }, '{}', true],
  [{ ...fixed, propertyNames: { pattern: '^[a-z]$' } }, '{"a": "no number"}', true],
  [{ ...fixed, propertyNames: { pattern: '^[a-z]$' } }, '{}', true],
];
let same = true;
for (const [schema, text, expected] of rows) {
  const grammar = await Grammar.fromJSONSchema(JSON.stringify(schema));
  const seen = await Testings.isGrammarAcceptString(grammar, text);
  const said = seen ? 'may be written' : 'can not be written';
  console.log(`${JSON.stringify(schema)}\n   ${text.padEnd(22)} ${said}`);
  same &&= seen === expected;
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
