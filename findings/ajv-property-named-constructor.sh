#!/usr/bin/env bash
# Package: ajv 8.20.0 and zod 4.6.7 (`z.fromJSONSchema`), against @cfworker/json-schema 4.1.6 (npm).
# Guess:   A tool with an optional argument named `constructor` may be called without it.
# Seen:    ajv and Zod refuse the call: "must be string". They read the `constructor` that every object of JavaScript
#          inherits. `toString` and `valueOf` do the same. The other way round, ajv finds a required argument of such
#          a name in {}. @cfworker/json-schema is right in all.
# Matters: Such names come from data: a race's constructor, the options of a class, a method of an API.
#          Agents that check calls or structured answers refuse good ones, and the model is told to try again.
#          ajv has an option for it (`ownProperties`); a server that makes tools can choose another name.
# Needs:   node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts \
  ajv@8.20.0 zod@4.6.7 @cfworker/json-schema@4.1.6 >/dev/null

cat > seen.cjs <<'JS'
const { Validator } = require('@cfworker/json-schema');
const Ajv = require('ajv/dist/2020').default;
const { z } = require('zod');

const libraries = {
  ajv: (schema, value) => new Ajv().validate(schema, value),
  'ajv, ownProperties': (schema, value) => new Ajv({ ownProperties: true }).validate(schema, value),
  zod: (schema, value) => z.fromJSONSchema(schema).safeParse(value).success,
  cfworker: (schema, value) => new Validator(schema, '2020-12').validate(value).valid,
};
const optional = (name) => ({ type: 'object', properties: { [name]: { type: 'string' } } });
const required = (name) => ({ type: 'object', required: [name] });
const rows = [
  ['team', optional('team'), {}, true, []],
  ['constructor', optional('constructor'), {}, true, ['ajv', 'zod']],
  ['constructor', optional('constructor'), { constructor: 'Lotus' }, true, []],
  ['toString', optional('toString'), {}, true, ['ajv', 'zod']],
  ['required toString', required('toString'), {}, false, ['ajv']],
];
let same = true;
for (const [name, schema, value, right, wrong] of rows) {
  for (const [library, check] of Object.entries(libraries)) {
    // Zod does not check a required argument that is not among the properties, whatever its name is.
    if (library === 'zod' && !right) continue;
    const seen = check(schema, value);
    const said = `${seen ? 'accepts' : 'refuses'}${seen === right ? '' : ' WRONGLY'}`;
    console.log(`${name.padEnd(18)} ${JSON.stringify(value).padEnd(24)} ${library.padEnd(19)} ${said}`);
    same &&= (seen !== right) === wrong.includes(library);
  }
}
process.exit(same ? 0 : 1);
JS
timeout 50 node seen.cjs
