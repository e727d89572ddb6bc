#!/usr/bin/env bash
# Package: ASP.NET Core of .NET 10.0.12, `TypedResults.ServerSentEvents`.
# Guess:   The response headers go out at once, so that the client knows that its stream has begun.
# Seen:    They go out with the first event. Until then the client has nothing: no status, no header.
#          A handler that flushes `Response.Body` and then writes the events itself sends them at once.
# Matters: A model that reads a long prompt or thinks is silent for minutes. Proxies and clients that wait 30 or 60
#          seconds for headers give up with a timeout, and clients send the request again.
#          A keepalive inside the stream helps only if it comes first.
# Needs:   .NET 10 SDK.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > seen.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk.Web">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Diagnostics;
using System.Net.ServerSentEvents;

var silence = TimeSpan.FromSeconds(4);
var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
var app = builder.Build();
app.MapGet("/result", () => TypedResults.ServerSentEvents(Speak()));
app.MapGet("/by-hand", async (HttpContext context) =>
{
    context.Response.ContentType = "text/event-stream";
    await context.Response.Body.FlushAsync();
    await SseFormatter.WriteAsync(Items(), context.Response.Body);
});
await app.StartAsync();
using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
var rows = new (string Path, bool Late)[] { ("by-hand", false), ("result", true) };
var same = true;
foreach (var (path, late) in rows)
{
    var watch = Stopwatch.StartNew();
    using var response = await client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
    var headers = watch.Elapsed;
    var text = await response.Content.ReadAsStringAsync();
    var end = watch.Elapsed;
    Console.WriteLine($"{path,-8} headers after {headers.TotalSeconds:0.0} s, end after {end.TotalSeconds:0.0} s");
    same &= headers > silence * 0.9 == late && text.Contains("hello");
}
return same ? 0 : 1;

async IAsyncEnumerable<string> Speak()
{
    await Task.Delay(silence);
    yield return "hello";
}

async IAsyncEnumerable<SseItem<string>> Items()
{
    await foreach (var text in Speak())
    {
        yield return new SseItem<string>(text);
    }
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
