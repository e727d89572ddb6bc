#!/usr/bin/env bash
# Package: untruncate-json 0.0.1 (npm), against partial-json 0.1.7.
# Guess:   A cut JSON text is completed to valid JSON, wherever it is cut: that is the purpose of the package.
# Seen:    Behind an escape like \u003E the package skips one character. If that is the quote that ends the string, all
#          of the next member counts as text, and what comes out is no JSON: until that member is over, JSON.parse
#          throws. If it is the backslash of another escape, a cut in that escape is not mended.
#          The same value without such escapes is right at each cut.
# Matters: System.Text.Json of .NET escapes < > & ' " and + in this way by default, so a call with HTML or code in it
#          has many. A page that shows a call's arguments while they come in fails for the whole of the next argument.
#          With plain text in the arguments nothing of it shows.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts untruncate-json@0.0.1 partial-json@0.1.7 >/dev/null

cat > seen.cjs <<'JS'
const { parse } = require('partial-json');
const untruncate = require('untruncate-json').default;
const plain = JSON.stringify({ html: '<b>hi</b>', note: 'a note of some length', line: 3 });
const escaped = plain.replace(/[<>]/g, (letter) => letter === '<' ? '\\u003C' : '\\u003E');
const inMiddle = plain.replace('<', '\\u003C');
const inRow = JSON.stringify({ html: 'a\n', line: 3 }).replace('a', '\\u003C');
const completes = (complete, text) => {
  const failed = [];
  for (let cut = 1; cut <= text.length; cut++) {
    try {
      complete(text.slice(0, cut));
    } catch {
      failed.push(cut);
    }
  }
  return failed;
};
const readers = {
  'untruncate-json': (text) => JSON.parse(untruncate(text)),
  'partial-json': (text) => parse(text),
};
const seen = [];
for (const text of [plain, inMiddle, escaped, inRow]) {
  console.log(text);
  for (const [name, reader] of Object.entries(readers)) {
    const failed = completes(reader, text);
    seen.push(failed.length);
    console.log(`  ${name.padEnd(16)}${failed.length} of ${text.length} cuts fail`);
  }
}
const example = escaped.slice(0, escaped.indexOf('some'));
console.log(`for example\n  ${example}\nbecomes\n  ${untruncate(example)}`);
process.exit(JSON.stringify(seen) === JSON.stringify([0, 0, 0, 0, 31, 0, 1, 0]) ? 0 : 1);
JS
timeout 30 node seen.cjs
