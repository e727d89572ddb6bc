#!/usr/bin/env bash
# Package: openai 7.57.0 (npm), `zodTextFormat` with zod 3.25.76, against zod 4.6.7. The grammar is made by
#          @mlc-ai/web-xgrammar 0.1.27.
# Guess:   A field that is `.nullable()` is sent as a JSON Schema that allows null, with zod 3 as with zod 4.
# Seen:    With zod 3 the field is {"type":"string","nullable":true}. `nullable` is a word of OpenAPI 3.0;
#          JSON Schema does not know it. XGrammar makes a string of it: the model can not write null.
#          With zod 4 it is {"type":["string","null"]}. A nullable object is an `anyOf` with null in both.
# Matters: Strict output has no optional fields, so `.nullable()` is the way to say "there may be none".
#          Behind a model server that goes by the schema the model invents a value each time. Nothing reports it.
#          A server that passes schemas on helps its users by turning `nullable` into a type.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts --legacy-peer-deps \
  openai@7.57.0 zod@4.6.7 zod3@npm:zod@3.25.76 @mlc-ai/web-xgrammar@0.1.27 >/dev/null
# The package is CommonJS but its package.json says "module": a copy with another ending loads.
cp node_modules/@mlc-ai/web-xgrammar/lib/index.js grammar.cjs

cat > seen.cjs <<'JS'
const { zodTextFormat } = require('openai/helpers/zod');
const { Grammar, Testings } = require('./grammar.cjs');
const versions = { 'zod 3': require('zod3').z, 'zod 4': require('zod').z };
const fields = {
  nullable: (z) => z.string().nullable(),
  nullish: (z) => z.string().nullish(),
  'optional, nullable': (z) => z.string().optional().nullable(),
  'number, nullable': (z) => z.number().nullable(),
  'object, nullable': (z) => z.object({ b: z.string() }).nullable(),
};
const loses = ['nullable', 'nullish', 'number, nullable'];
async function main() {
  let same = true;
  for (const [version, z] of Object.entries(versions)) {
    for (const [name, field] of Object.entries(fields)) {
      const { schema } = zodTextFormat(z.object({ a: field(z) }), 'answer');
      const grammar = await Grammar.fromJSONSchema(JSON.stringify(schema));
      const seen = await Testings.isGrammarAcceptString(grammar, '{"a": null}');
      const said = seen ? 'null may be written' : 'null can NOT be written';
      const sent = JSON.stringify(schema.properties.a).slice(0, 60);
      console.log(`${version} ${name.padEnd(19)} ${said.padEnd(24)} ${sent}`);
      same &&= seen !== (version === 'zod 3' && loses.includes(name));
    }
  }
  process.exit(same ? 0 : 1);
}
main();
JS
timeout 50 node seen.cjs
