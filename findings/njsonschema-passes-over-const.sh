#!/usr/bin/env bash
# Package: NJsonSchema 11.6.2 (NuGet), `JsonSchema.FromJsonAsync(…).Validate(…)`.
# Guess:   A schema with `const`, `if`, `propertyNames` or `dependentRequired` is checked, or refused as not supported.
# Seen:    These keywords are passed over without a word: {"const":"run"} accepts "stop" and 5.
#          An `enum` of one entry, which says the same, is checked.
# Matters: Zod and pydantic write each literal and each tag of a union as `const`. A .NET program that checks structured
#          answers or a call's arguments with this library accepts any tag and takes the wrong branch later.
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
    <PackageReference Include="NJsonSchema" Version="[11.6.2]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using NJsonSchema;

const string tagged = """{"type":"object","properties":{"kind":{"const":"run"}},"required":["kind"]}""";
const string pair = """{"type":"object","dependentRequired":{"from":["to"]}}""";
const string names = """{"type":"object","propertyNames":{"pattern":"^x"}}""";
const string either = """{"type":"object","if":{"required":["from"]},"then":{"required":["to"]}}""";
var rows = new (string Schema, string Value, bool Right, bool Expected)[]
{
    ("""{"enum":["run"]}""", "\"run\"", true, true),
    ("""{"enum":["run"]}""", "\"stop\"", false, false),
    ("""{"const":"run"}""", "\"run\"", true, true),
    ("""{"const":"run"}""", "\"stop\"", false, true),
    ("""{"const":"run"}""", "5", false, true),
    (tagged, """{"kind":"stop"}""", false, true),
    (tagged, "{}", false, false),
    (pair, """{"from":1}""", false, true),
    (names, """{"a":1}""", false, true),
    (either, """{"from":1}""", false, true),
};
var same = true;
foreach (var (schema, value, right, expected) in rows)
{
    var seen = (await JsonSchema.FromJsonAsync(schema)).Validate(value).Count == 0;
    Console.WriteLine($"{schema}\n   {value,-16} {(seen ? "accepted" : "refused")}{(seen == right ? "" : " WRONGLY")}");
    same &= seen == expected;
}
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
