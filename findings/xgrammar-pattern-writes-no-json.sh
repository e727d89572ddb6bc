#!/usr/bin/env bash
# Package: @mlc-ai/web-xgrammar 0.1.27 (npm), XGrammar compiled for JavaScript.
# Guess:   Whatever the schema is, the model can write only valid JSON: that is the purpose of the grammar.
# Seen:    With a `pattern` the grammar allows every character that the pattern allows, between the two quotes.
#          A bare quote, a bare line feed and a lone backslash are among them, and the answer is no JSON.
#          The pattern must match the whole string, though JSON Schema lets it match any part.
# Matters: A structured answer or a call's arguments do not parse, though the model server "guarantees" them.
#          Patterns like `^[^,]+$` and `^.*$` are common. Patterns that list what is allowed are safe.
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
const rows = [
  [{ type: 'string' }, '"a"b"', false],
  [{ type: 'string', pattern: '^[^,]+$' }, '"a b"', true],
  [{ type: 'string', pattern: '^[^,]+$' }, '"a"b"', true],
  [{ type: 'string', pattern: '^.*$' }, '"a"b"', true],
  [{ type: 'string', pattern: '^.*$' }, '"a\\b\\c"', true],
  [{ type: 'string', pattern: '^[a-z ]+$' }, '"a"b"', false],
  [{ type: 'string', pattern: '[0-9]+' }, '"room 12"', false],
];
let same = true;
for (const [schema, text, expected] of rows) {
  const grammar = await Grammar.fromJSONSchema(JSON.stringify(schema));
  const seen = await Testings.isGrammarAcceptString(grammar, text);
  const said = seen ? "may be written" : "can not be written";
  console.log(`${JSON.stringify(schema).padEnd(40)} ${text.padEnd(12)} ${said}`);
  same &&= seen === expected;
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
