#!/usr/bin/env bash
# Package: System.Net.ServerSentEvents 11.0.0 (NuGet), `SseParser`.
# Guess:   A frame with an event name and no data is dropped whole, as the standard for event streams says.
# Seen:    The frame gives no item, but its name goes on to the next item that names no event.
# Matters: A keepalive of `event: ping` without data turns the next event into a "ping".
#          A reader that skips pings loses one piece of the answer at each. Events with names of their own are safe.
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
    <PackageReference Include="System.Net.ServerSentEvents" Version="[11.0.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Net.ServerSentEvents;
using System.Text;

var rows = new (string Text, string Expected)[]
{
    ("data: a\n\ndata: b\n\n", "message=a message=b"),
    ("data: a\n\n: ping\n\ndata: b\n\n", "message=a message=b"),
    ("data: a\n\nevent: ping\ndata: {}\n\ndata: b\n\n", "message=a ping={} message=b"),
    ("data: a\n\nevent: ping\n\ndata: b\n\n", "message=a ping=b"),
    ("data: a\n\nevent: ping\n\nevent: delta\ndata: b\n\n", "message=a delta=b"),
};
var same = true;
foreach (var (text, expected) in rows)
{
    var items = SseParser.Create(new MemoryStream(Encoding.UTF8.GetBytes(text))).Enumerate();
    var seen = string.Join(' ', items.Select(item => $"{item.EventType}={item.Data}"));
    Console.WriteLine($"{text.Replace("\n", "\\n"),-53} {seen}");
    same &= seen == expected;
}
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
