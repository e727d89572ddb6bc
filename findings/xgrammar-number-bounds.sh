#!/usr/bin/env bash
# Package: @mlc-ai/web-xgrammar 0.1.27 (npm). It is XGrammar, compiled for JavaScript: the library that makes model
#          servers write JSON after a schema (`text.format`, strict tools). Builds for Python may differ by version.
# Guess:   `minimum` and `maximum` of a `number` hold for every number, or are ignored.
# Seen:    `minimum: 0` allows 0, 1 and 1.5, but no number between 0 and 1.
#          `minimum: 0, maximum: 2` allows 2.5. `exclusiveMinimum: 0` allows 0 and forbids 0.1.
#          Bounds of an `integer` are right.
# Matters: The model can not write a probability, a price below 1 or a share: it writes 0 or 1 in its place.
#          Nothing reports it, since the answer is valid JSON. Zod's `.positive()` and `.min(0)` send such bounds.
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
  [{ type: 'number' }, '0.5', true],
  [{ type: 'number', minimum: 0 }, '0.5', false],
  [{ type: 'number', minimum: 0 }, '1.5', true],
  [{ type: 'number', exclusiveMinimum: 0 }, '0.1', false],
  [{ type: 'number', exclusiveMinimum: 0 }, '0', true],
  [{ type: 'number', minimum: 0, maximum: 2 }, '0.5', true],
  [{ type: 'number', minimum: 0, maximum: 2 }, '2.5', true],
  [{ type: 'integer', minimum: 0, maximum: 2 }, '2', true],
  [{ type: 'integer', minimum: 0, maximum: 2 }, '3', false],
];
let same = true;
for (const [schema, text, expected] of rows) {
  const grammar = await Grammar.fromJSONSchema(JSON.stringify(schema));
  const seen = await Testings.isGrammarAcceptString(grammar, text);
  const said = seen ? "may be written" : "can not be written";
  console.log(`${JSON.stringify(schema).padEnd(44)} ${text.padEnd(12)} ${said}`);
  same &&= seen === expected;
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
