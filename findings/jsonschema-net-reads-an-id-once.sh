#!/usr/bin/env bash
# Package: JsonSchema.Net 8.0.5 (NuGet), `JsonSchema.FromText`.
# Guess:   The same text can be read as a schema as often as one likes.
# Seen:    A schema with an `$id` can be read once in the life of the process. The second time it throws
#          "Overwriting registered schemas is not permitted", also for the very same text.
#          With a new `BuildOptions` and `SchemaRegistry` for each text it works.
# Matters: A client sends its tools with each request, and some generators put an `$id` in. The first request passes,
#          and each one behind it fails until the server starts again. Two tenants may also use one `$id`.
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
using Json.Schema;

const string plain = """{"type":"string"}""";
const string named = """{"$id":"https://tools.example/run","type":"string"}""";
const string other = """{"$id":"https://tools.example/run","type":"integer"}""";
var own = () => new BuildOptions { SchemaRegistry = new SchemaRegistry() };
var rows = new (string Name, Func<JsonSchema>[] Reads, string Expected)[]
{
    ("no $id, read twice", [() => JsonSchema.FromText(plain), () => JsonSchema.FromText(plain)], "reads, reads"),
    ("$id, read twice, own registries",
        [() => JsonSchema.FromText(named, own()), () => JsonSchema.FromText(named, own())], "reads, reads"),
    ("$id, read twice", [() => JsonSchema.FromText(named), () => JsonSchema.FromText(named)], "reads, throws"),
    ("$id, another schema", [() => JsonSchema.FromText(other)], "throws"),
};
var same = true;
foreach (var (name, reads, expected) in rows)
{
    var seen = string.Join(", ", reads.Select(Outcome));
    Console.WriteLine($"{name,-32} {seen}");
    same &= seen == expected;
}
return same ? 0 : 1;

static string Outcome(Func<JsonSchema> read)
{
    try
    {
        read();
        return "reads";
    }
    catch (JsonSchemaException)
    {
        return "throws";
    }
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
