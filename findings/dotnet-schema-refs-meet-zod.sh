#!/usr/bin/env bash
# Package: System.Text.Json of .NET 10.0.12 (`JsonSchemaExporter`, which Microsoft.Extensions.AI and the C# MCP package
#          use), and zod 4.6.7 (npm, `z.fromJSONSchema`), against ajv 8.20.0.
# Guess:   A type that holds itself becomes a definition, and clients read its `$ref`.
# Seen:    .NET writes no definitions. It points at the first place where the type stood, for example at
#          "#/properties/top/properties/children". Zod knows "#" and "#/$defs/…" only; it throws
#          "Reference not found". ajv reads all of them.
# Matters: A tool of a .NET server with a tree among its arguments can not be used by agents that turn tools into Zod
#          schemas; often the whole list of tools is lost. A type that holds itself and is the whole schema is safe.
#          A server can move such types to `$defs` before it lists its tools.
# Needs:   .NET 10 SDK, node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts zod@4.6.7 ajv@8.20.0 >/dev/null
cat > seen.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
  </PropertyGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Text.Json;
using System.Text.Json.Schema;

foreach (var type in new[] { typeof(Twice), typeof(Node), typeof(Tree) })
{
    Console.WriteLine(JsonSerializerOptions.Web.GetJsonSchemaAsNode(type).ToJsonString());
}

record Place(string Path);
record Twice(Place First, Place Second);
record Node(string Name, List<Node> Children);
record Tree(Node Top);
CS
cat > seen.mjs <<'JS'
import Ajv from 'ajv/dist/2020.js';
import fs from 'node:fs';
import { z } from 'zod';

const schemas = fs.readFileSync('schemas.txt', 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const reads = (read) => {
  try {
    read();
    return 'reads it';
  } catch (error) {
    return `throws "${error.message}"`;
  }
};
const rows = [
  ['two places of one type', 'reads it'],
  ['a node of nodes', 'reads it'],
  ['a tree with a top node', 'throws "Reference not found: #/properties/top/properties/children"'],
];
let same = true;
rows.forEach(([name, expected], number) => {
  const schema = schemas[number];
  const seen = reads(() => z.fromJSONSchema(schema));
  const other = reads(() => new Ajv.default({ strict: false }).compile(schema));
  console.log(`${name}: ${JSON.stringify(schema)}\n   zod ${seen}; ajv ${other}`);
  same &&= seen === expected && other === 'reads it';
});
process.exit(same ? 0 : 1);
JS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
dotnet out/seen.dll > schemas.txt
timeout 50 node seen.mjs
