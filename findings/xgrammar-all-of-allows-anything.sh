#!/usr/bin/env bash
# Package: @mlc-ai/web-xgrammar 0.1.27 (npm), XGrammar compiled for JavaScript.
# Guess:   `allOf` and `anyOf` beside `properties` add to them, or the schema is refused as too hard.
# Seen:    `allOf` with two entries allows any JSON: a number, a list, another object. There is a warning on stderr.
#          `allOf` with one entry beside `properties` forgets the properties: only the entry's may be written.
#          `anyOf` beside `properties` forgets them too; "a or b is required" then allows any JSON.
#          `anyOf` whose entries have properties of their own is right, if `properties` is not beside it.
# Matters: Generators write a base class and its child as `allOf` of two, and "one of these two fields" as `anyOf` of
#          `required`. The answer is then free, or lacks the required fields, though the user asked for strict output.
#          Write such schemas out flat before they are sent.
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
const a = { properties: { a: { type: 'integer' } }, required: ['a'] };
const b = { properties: { b: { type: 'integer' } }, required: ['b'] };
const eitherOr = { type: 'object', properties: { ...a.properties, ...b.properties } };
eitherOr.anyOf = [{ required: ['a'] }, { required: ['b'] }];
const rows = [
  [{ type: 'object', ...a }, '5', false],
  [{ allOf: [{ type: 'object', ...a }] }, '5', false],
  [{ allOf: [{ type: 'object', ...a }, b] }, '5', true],
  [{ allOf: [{ type: 'object', ...a }, b] }, '{"z": "x"}', true],
  [{ type: 'object', ...a, allOf: [b] }, '{"a": 1, "b": 2}', false],
  [{ type: 'object', ...a, allOf: [b] }, '{"b": 2}', true],
  [{ type: 'object', anyOf: [a, b] }, '{"a": 1}', true],
  [{ type: 'object', anyOf: [a, b] }, '5', false],
  [eitherOr, '{"a": "no number"}', true],
  [eitherOr, '5', true],
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
