#!/usr/bin/env bash
# Package: jsonrepair 3.15.0 (npm), the usual way of JavaScript to close JSON that was cut.
# Guess:   A call that was cut in the middle of a string keeps its keys. The string holds what was written so far.
# Seen:    If the string holds quotes of its own (escaped, as they must be), the text behind them can become keys
#          of the arguments: {"q":"he said \"hi\", then: \"bye\  gives {"q":"he said \"hi\"","then":"bye"}.
#          It depends on the character where the cut falls: at most characters the string keeps all its text.
# Matters: An answer that met `max_output_tokens` in a file or a command becomes another call: half the text is
#          gone and there are arguments that nobody wrote. Code is full of quotes.
#          partial-json gives the string as it was written.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts jsonrepair@3.15.0 partial-json@0.1.7 >/dev/null

cat > seen.cjs <<'JS'
const { jsonrepair } = require('jsonrepair');
const partial = require('partial-json');
const parsers = { jsonrepair: (text) => JSON.parse(jsonrepair(text)), 'partial-json': (text) => partial.parse(text) };
const calls = [
  { text: 'no quotes, one key: none' },
  { text: 'one "quoted" word' },
  { q: 'he said "hi", then: "bye"' },
  { path: 'a.js', text: 'const a = "x", b = "y";\nif (a) {\n  return b;\n}\n' },
];
// The arguments of the call, cut at each character behind the first key.
function strangeCuts(call, parse) {
  const whole = JSON.stringify(call);
  const strange = [];
  for (let end = whole.indexOf(':') + 2; end < whole.length; end++) {
    let read = {};
    try {
      read = parse(whole.slice(0, end));
    } catch {
      // A cut that the parser refuses does no harm.
    }
    if (Object.keys(read).some((key) => !(key in call) && read[key] !== null)) strange.push(whole.slice(0, end));
  }
  return strange;
}
const expected = { jsonrepair: [0, 0, 1, 6], 'partial-json': [0, 0, 0, 0] };
let same = true;
for (const [name, parse] of Object.entries(parsers)) {
  calls.forEach((call, number) => {
    const strange = strangeCuts(call, parse);
    console.log(`${name.padEnd(12)} call ${number}: ${strange.length} cuts give an argument that nobody wrote`);
    if (strange.length) console.log(`   ${strange[0]}\n   ${JSON.stringify(parse(strange[0]))}`);
    same &&= strange.length === expected[name][number];
  });
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.cjs
