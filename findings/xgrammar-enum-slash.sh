#!/usr/bin/env bash
# Package: @mlc-ai/web-xgrammar 0.1.27 (npm), XGrammar compiled for JavaScript.
# Guess:   With `"enum": ["text/html"]` or a `const` the model may write "text/html".
# Seen:    It may only write "text\/html". That is valid JSON of the same value, but models hardly write a slash so.
#          A slash in a property's name, in a pattern or in a free string needs no backslash; in a name or a pattern
#          it may have none.
# Matters: Media types, model names, repositories and paths are common choices. The grammar cuts the tokens that the
#          model prefers, so another entry of the list ("csv") can win. Nothing reports it.
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
const object = (key) => ({ type: 'object', properties: { [key]: { type: 'null' } }, required: [key] });
const rows = [
  [{ type: 'string' }, '"text/html"', true],
  [{ enum: ['text/html', 'csv'] }, '"csv"', true],
  [{ enum: ['text/html', 'csv'] }, '"text/html"', false],
  [{ enum: ['text/html', 'csv'] }, '"text\\/html"', true],
  [{ type: 'string', enum: ['text/html'] }, '"text/html"', false],
  [{ const: 'text/html' }, '"text/html"', false],
  [{ const: 'text/html' }, '"text\\/html"', true],
  [{ type: 'string', pattern: '^text/html$' }, '"text/html"', true],
  [object('a/b'), '{"a/b": null}', true],
  [object('a/b'), '{"a\\/b": null}', false],
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
