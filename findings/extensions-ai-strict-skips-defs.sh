#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI 10.11.0 (NuGet), `AIJsonUtilities.TransformSchema`.
# Guess:   With `DisallowAdditionalProperties` and `RequireAllProperties` every object of a schema is made strict.
# Seen:    Objects in `properties`, `items`, `anyOf`, `oneOf` and `allOf` are. Objects in `$defs`, `definitions` and
#          `prefixItems` stay as they were, also when a `$ref` leads there. Nothing is reported.
# Matters: Tools of Python servers (pydantic) keep each nested type in `$defs`. A strict server refuses the schema,
#          because an object in it allows more properties. One that does not refuse lets the model leave fields out.
#          Write the definitions in place first, or transform each of them.
# Needs:   .NET 10 SDK.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > seen.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.Extensions.AI" Version="[10.11.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Text.Json;
using Microsoft.Extensions.AI;

// PLACE is an object with one optional property. The transformation shall make it strict wherever it stands.
const string place = """{"type":"object","properties":{"line":{"type":"integer"}}}""";
var rows = new (string Name, string Schema, bool Strict)[]
{
    ("properties", """{"type":"object","properties":{"a":PLACE}}""", true),
    ("items", """{"type":"object","properties":{"a":{"type":"array","items":PLACE}}}""", true),
    ("anyOf", """{"type":"object","properties":{"a":{"anyOf":[PLACE,{"type":"null"}]}}}""", true),
    ("oneOf", """{"type":"object","properties":{"a":{"oneOf":[PLACE,{"type":"null"}]}}}""", true),
    ("allOf", """{"type":"object","properties":{"a":{"allOf":[PLACE]}}}""", true),
    ("$defs", """{"type":"object","properties":{"a":{"$ref":"#/$defs/P"}},"$defs":{"P":PLACE}}""", false),
    ("definitions", """{"properties":{"a":{"$ref":"#/definitions/P"}},"definitions":{"P":PLACE}}""", false),
    ("prefixItems", """{"type":"object","properties":{"a":{"type":"array","prefixItems":[PLACE]}}}""", false),
};
var options = new AIJsonSchemaTransformOptions { DisallowAdditionalProperties = true, RequireAllProperties = true };
var same = true;
foreach (var (name, schema, expected) in rows)
{
    var before = JsonDocument.Parse(schema.Replace("PLACE", place)).RootElement;
    var after = AIJsonUtilities.TransformSchema(before, options).GetRawText();
    var strict = !after.Contains(place);
    Console.WriteLine($"{name,-12} {(strict ? "made strict" : "as it was"),-12} {after}");
    same &= strict == expected;
}
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
