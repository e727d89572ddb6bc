#!/usr/bin/env bash
# Package: @mlc-ai/web-xgrammar 0.1.27 (npm), XGrammar compiled for JavaScript.
# Guess:   `maxLength` or `minLength` limits the length of a string. What the string may hold stays the same.
# Seen:    A string with a length limit can hold no escape: no quote, no line feed, no backslash.
# Matters: A tool with `{"type": "string", "maxLength": 4000}` for a file, a patch or a command gets text
#          of one line without quotes. The model is forced to leave them out; nothing reports it.
#          A server that passes schemas on helps its users by leaving such limits out for these model servers.
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
const limits = [{}, { minLength: 1 }, { maxLength: 4000 }];
const texts = ['one line', 'two\nlines', 'say "hi"', 'C:\\dir'];
const rows = limits.flatMap((limit) => texts.map((text) => [
  { type: 'string', ...limit }, JSON.stringify(text), limit.minLength || limit.maxLength ? text === texts[0] : true,
]));
let same = true;
for (const [schema, text, expected] of rows) {
  const grammar = await Grammar.fromJSONSchema(JSON.stringify(schema));
  const seen = await Testings.isGrammarAcceptString(grammar, text);
  const said = seen ? "may be written" : "can not be written";
  console.log(`${JSON.stringify(schema).padEnd(35)} ${text.padEnd(12)} ${said}`);
  same &&= seen === expected;
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.mjs
