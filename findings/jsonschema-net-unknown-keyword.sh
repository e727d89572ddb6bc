#!/usr/bin/env bash
# Package: JsonSchema.Net 8.0.5 (NuGet), `JsonSchema.FromText`.
# Guess:   A keyword that the library does not know is ignored, as JSON Schema says, whether or not `$schema` is there.
# Seen:    Without `$schema` such a schema throws "Unknown keywords (…) are disallowed for this dialect".
#          That holds for `nullable`, `example`, `discriminator`, `x-…` and also for `definitions`, which every older
#          generator writes. With `$schema` of draft 7 or 2020-12 the same schemas are read.
# Matters: Tools and text formats hardly ever carry `$schema`, and generators add words of OpenAPI.
#          A program that checks arguments with this library takes one client's tools and throws at the next.
#          Put `$schema` in before the text is read.
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
    <PackageReference Include="JsonSchema.Net" Version="[8.0.5]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Text.Json;
using Json.Schema;

const string known = "\"description\":\"d\"";
var keywords = new (string Text, bool Refused)[]
{
    (known, false),
    ("\"examples\":[\"a\"]", false),
    ("\"nullable\":true", true),
    ("\"example\":\"a\"", true),
    ("\"discriminator\":{\"propertyName\":\"t\"}", true),
    ("\"x-order\":1", true),
    ("\"definitions\":{\"P\":{\"type\":\"string\"}}", true),
};
var dialects = new (string Name, string Text)[]
{
    ("none", ""),
    ("draft 7", "\"$schema\":\"http://json-schema.org/draft-07/schema#\","),
    ("2020-12", "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","),
};
var value = JsonDocument.Parse("\"a\"").RootElement;
var same = true;
foreach (var (name, dialect) in dialects)
{
    foreach (var (keyword, refused) in keywords)
    {
        string seen;
        try
        {
            var schema = JsonSchema.FromText($$"""{{{dialect}}"type":"string",{{keyword}}}""");
            seen = schema.Evaluate(value).IsValid ? "valid" : "invalid";
        }
        catch (JsonSchemaException exception)
        {
            seen = exception.Message;
        }
        Console.WriteLine($"$schema: {name,-8} {keyword,-38} {seen}");
        same &= seen == "valid" != (refused && name == "none");
    }
}
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
