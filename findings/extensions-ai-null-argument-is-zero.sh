#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI 10.11.0 (NuGet), functions of `AIFunctionFactory.Create`.
# Guess:   If a model passes null for an `int` argument, the call fails, or the parameter's own default is taken.
# Seen:    The function runs with 0. The declared default of 10 is not taken, and nothing is reported.
#          So `bool flag = true` gets false, a `DateTime` gets the year 1, a `Guid` gets zeros, an enum its first name.
#          null inside an object or a list is refused with a JsonException; an argument left out gets its default.
# Matters: Models write null for "I leave this out": many were taught so by strict schemas.
#          `int limit = 10` becomes a search for 0 results. Declare such parameters nullable (`int?`).
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
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
Delegate integer = (int value = 10) => value.ToString();
Delegate list = (int[] value) => value[0].ToString();
Delegate inside = (Place value) => value.Line.ToString();
var rows = new (string Name, Delegate Function, string Arguments, string Expected)[]
{
    ("int value = 10", integer, "{}", "10"),
    ("int value = 10", integer, """{"value":"many"}""", "JsonException"),
    ("int value = 10", integer, """{"value":null}""", "0"),
    ("int value", (int value) => value.ToString(), """{"value":null}""", "0"),
    ("bool value = true", (bool value = true) => value.ToString(), """{"value":null}""", "False"),
    ("DayOfWeek value = Friday", (DayOfWeek value = DayOfWeek.Friday) => value.ToString(),
        """{"value":null}""", "Sunday"),
    ("DateTime value", (DateTime value) => value.ToString("yyyy-MM-dd"), """{"value":null}""", "0001-01-01"),
    ("Place value (Line)", inside, """{"value":{"Line":null}}""", "JsonException"),
    ("int[] value", list, """{"value":[null]}""", "JsonException"),
    ("int? value = 10", (int? value = 10) => $"null: {value is null}", """{"value":null}""", "null: True"),
};
var same = true;
foreach (var (name, function, arguments, expected) in rows)
{
    var values = JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments);
    string? seen;
    try
    {
        seen = (await AIFunctionFactory.Create(function, "run").InvokeAsync(new(values!)))?.ToString();
    }
    catch (JsonException)
    {
        seen = nameof(JsonException);
    }
    Console.WriteLine($"{name,-25} {arguments,-25} {seen}");
    same &= seen == expected;
}
return same ? 0 : 1;

record Place(int Line = 1);
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
