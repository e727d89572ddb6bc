#!/usr/bin/env bash
# Package: OpenTelemetry.Exporter.Prometheus.AspNetCore 1.20.1-beta.1 with OpenTelemetry.Extensions.Hosting 1.20.1
#          (NuGet).
# Guess:   If two instruments come to the same Prometheus name, the first one stays, or both stand there under it.
# Seen:    If their types differ, both vanish from the page. Which pairs meet depends on the format that the scraper
#          asks for. The counter `jobs` and the gauge `jobs.total` vanish from the text format and stand in
#          OpenMetrics. The counter `files` and the gauge `files` vanish from OpenMetrics, which Prometheus asks for,
#          and stand in the text that curl shows. A histogram and a gauge vanish from both.
#          Two counters stay: one name, and in one meter one series with two values.
# Matters: A gauge of some library takes a program's own counter away, alerts on it go silent, and curl shows it still.
#          Give each instrument a name that no other has with `_total` and its unit behind it.
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
  <ItemGroup>
    <PackageReference Include="OpenTelemetry.Extensions.Hosting" Version="[1.20.1]" />
    <PackageReference Include="OpenTelemetry.Exporter.Prometheus.AspNetCore" Version="[1.20.1-beta.1]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Diagnostics.Metrics;
using OpenTelemetry.Metrics;

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter("program", "library")
    .AddPrometheusExporter(exporter => exporter.ScrapeResponseCacheDurationMilliseconds = 0));
var app = builder.Build();
app.MapPrometheusScrapingEndpoint("/metrics");
await app.StartAsync();

using var program = new Meter("program");
using var library = new Meter("library");
program.CreateCounter<int>("alone").Add(1);
program.CreateCounter<int>("jobs").Add(1);
library.CreateGauge<int>("jobs.total").Record(2);
program.CreateCounter<int>("files").Add(1);
library.CreateGauge<int>("files").Record(2);
program.CreateHistogram<int>("wait", "s").Record(1);
library.CreateGauge<int>("wait_seconds").Record(2);
program.CreateCounter<int>("model.calls").Add(1);
library.CreateCounter<int>("model_calls").Add(2);
program.CreateCounter<int>("same.meter").Add(1);
program.CreateCounter<int>("same_meter").Add(2);

using var client = new HttpClient();
var text = await ReadAsync("text/plain");
var open = await ReadAsync("application/openmetrics-text; version=1.0.0");
var same = true;
foreach (var (name, start, inText, inOpen) in new[]
{
    ("a counter alone", "alone", "alone_total program 1", "alone_total program 1"),
    ("counter jobs, gauge jobs.total", "jobs", "", "jobs_total library 2, jobs_total program 1"),
    ("counter files, gauge files", "files", "files library 2, files_total program 1", ""),
    ("histogram wait in s, gauge wait_seconds", "wait_seconds", "", ""),
    ("counters model.calls, model_calls", "model_calls", "model_calls_total library 2, model_calls_total program 1",
        "model_calls_total library 2, model_calls_total program 1"),
    ("the same in one meter", "same_meter", "same_meter_total program 1, same_meter_total program 2",
        "same_meter_total program 1, same_meter_total program 2"),
})
{
    var (seenInText, seenInOpen) = (Samples(text, start), Samples(open, start));
    Console.WriteLine($"{name}\n  text:        {seenInText}\n  OpenMetrics: {seenInOpen}");
    same &= (seenInText, seenInOpen) == (inText, inOpen);
}
await app.StopAsync();
return same ? 0 : 1;

async Task<string[]> ReadAsync(string accept)
{
    using var request = new HttpRequestMessage(HttpMethod.Get, app.Urls.First() + "/metrics");
    request.Headers.Add("Accept", accept);
    using var response = await client.SendAsync(request);
    return (await response.Content.ReadAsStringAsync()).Split('\n');
}

static string Samples(string[] page, string start) => string.Join(", ", page
    .Where(line => line.StartsWith(start, StringComparison.Ordinal) && !line.Contains("_created"))
    .Select(line => line.Replace("{otel_scope_name=\"", " ").Replace("\"}", ""))
    .Order(StringComparer.Ordinal));
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
