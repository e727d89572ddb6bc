#!/usr/bin/env bash
# Package: json-schema-to-zod 2.8.1 and @n8n/json-schema-to-zod 1.16.0 (npm), against zod-from-json-schema 0.5.6.
# Guess:   A tool's optional argument with `"type": "string", "default": null` may be left out, as the schema says.
# Seen:    Zod puts the default in and then, in two of three packages, refuses it: a call without the argument is
#          invalid ("expected string, received null"). The third package accepts it.
#          With `"type": ["string", "null"]` all three accept it.
# Matters: Such schemas are common: Python tools with `name: str = None`, C# tools with `string name = null`.
#          The model calls the tool rightly, and the agent answers it that its arguments are wrong.
#          A server that lists tools helps by leaving a default of null out.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts --legacy-peer-deps \
  json-schema-to-zod@2.8.1 @n8n/json-schema-to-zod@1.16.0 zod-from-json-schema@0.5.6 zod@3.25.76 >/dev/null

cat > seen.cjs <<'JS'
const zod = require('zod');
const converters = {
  'json-schema-to-zod': (schema) =>
    new Function('z', `return ${require('json-schema-to-zod').jsonSchemaToZod(schema)}`)(zod),
  '@n8n/json-schema-to-zod': require('@n8n/json-schema-to-zod').jsonSchemaToZod,
  'zod-from-json-schema': require('zod-from-json-schema').convertJsonSchemaToZod,
};
const schema = (name) => ({ type: 'object', properties: { name } });
const schemas = {
  'no default': schema({ type: 'string' }),
  'default null': schema({ type: 'string', default: null }),
  'null allowed': schema({ type: ['string', 'null'], default: null }),
};
const refuses = ['json-schema-to-zod', '@n8n/json-schema-to-zod'];
let same = true;
for (const [converter, convert] of Object.entries(converters)) {
  for (const [name, schema] of Object.entries(schemas)) {
    const { success, error } = convert(schema).safeParse({});
    const seen = success ? 'accepts {}' : `refuses {}: ${error.issues[0].message}`;
    console.log(`${converter.padEnd(24)} ${name.padEnd(13)} ${seen}`);
    same &&= success !== (name === 'default null' && refuses.includes(converter));
  }
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.cjs
