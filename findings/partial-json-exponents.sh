#!/usr/bin/env bash
# Package: best-effort-json-parser 1.5.1 and incomplete-json-parser 1.1.5 (npm), against partial-json 0.1.7.
# Guess:   A parser for JSON that is still being written reads a number that is whole as JSON.parse does.
# Seen:    Two of three do not know exponents. In the unfinished {"n":1e-5,"b":"x best-effort-json-parser gives n = 1
#          and makes a key of the rest; a list gets entries more. It is right again once the text is whole.
#          incomplete-json-parser throws at a small `e`. It drops a capital `E`, also in whole JSON: 1E3 is 13.
# Matters: Models and programs write 1e-5 for small numbers (learning rates, tolerances, the price of a token).
#          A page that shows a call while it streams shows other arguments than those that run.
#          Read the arguments of a finished call with JSON.parse.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  best-effort-json-parser@1.5.1 incomplete-json-parser@1.1.5 partial-json@0.1.7 >/dev/null

cat > seen.cjs <<'JS'
const bestEffort = require('best-effort-json-parser');
const { IncompleteJsonParser } = require('incomplete-json-parser');
const partial = require('partial-json');
bestEffort.disableErrorLogging();
const parsers = {
  'best-effort': bestEffort.parse,
  incomplete: (text) => IncompleteJsonParser.parse(text),
  partial: (text) => partial.parse(text),
};
const rows = [
  ['{"n":0.00001,"b":"x', { n: 0.00001, b: 'x' }, []],
  ['{"n":1e-5,"b":"x', { n: 1e-5, b: 'x' }, ['best-effort', 'incomplete']],
  ['{"n":1e-5,"b":"x"}', { n: 1e-5, b: 'x' }, ['incomplete']],
  ['[1E3,2,"x', [1000, 2, 'x'], ['best-effort', 'incomplete']],
  ['[1E3,2]', [1000, 2], ['incomplete']],
  ['[1000,2,"x', [1000, 2, 'x'], []],
];
let same = true;
for (const [text, expected, wrong] of rows) {
  for (const [name, parse] of Object.entries(parsers)) {
    let seen;
    try {
      seen = JSON.stringify(parse(text));
    } catch (error) {
      seen = `throws "${error.message}"`;
    }
    const right = seen === JSON.stringify(expected);
    console.log(`${text.padEnd(20)} ${name.padEnd(12)} ${right ? 'right' : `WRONG ${seen}`}`);
    same &&= right !== wrong.includes(name);
  }
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.cjs
