#!/usr/bin/env bash
# Package: System.CommandLine 3.0.0 (NuGet).
# Guess:   If an option's value is missing and another known option follows, the parser reports the missing value.
# Seen:    The parser takes the name of the next option for the value, without an error.
#          A flag vanishes that way. An option with a value leaves that value behind as an unrecognized argument.
#          An equals sign (`--url= --verbose`) does not help.
# Matters: A start script with an empty variable (`--model-url=$URL --verbose`) starts a server with the model URL
#          "--verbose". The program must check the form of its values itself.
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
    <NoWarn>OPENAI001;MEAI001</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="System.CommandLine" Version="[3.0.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.CommandLine;

var rows = new (string[] Arguments, string Expected)[]
{
    (["--url", "http://127.0.0.1"], "url=http://127.0.0.1 verbose=False errors="),
    (["--url"], "errors=Required argument missing for option: '--url'."),
    (["--url", "--verbose"], "url=--verbose verbose=False errors="),
    (["--url", "--port", "80"], "errors=Unrecognized command or argument '80'."),
    (["--url=", "--verbose"], "url=--verbose verbose=False errors="),
};
var same = true;
foreach (var (arguments, expected) in rows)
{
    Option<string> url = new("--url");
    Option<int> port = new("--port");
    Option<bool> verbose = new("--verbose");
    var result = new RootCommand { url, port, verbose }.Parse(arguments);
    var errors = string.Join('|', result.Errors.Select(error => error.Message));
    var values = result.Errors.Count > 0 ? "" : $"url={result.GetValue(url)} verbose={result.GetValue(verbose)} ";
    var seen = $"{values}errors={errors}";
    Console.WriteLine($"{string.Join(' ', arguments),-23} {seen}");
    same &= seen == expected;
}
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
