#!/usr/bin/env bash
# Package: Microsoft.Orleans.Server and Microsoft.Orleans.Client 10.4.2 (NuGet), a grain method that returns
#          IAsyncEnumerable.
# Guess:   A grain sees the RequestContext of its call (tenant, user) for as long as the call lasts, streams included.
# Seen:    A stream is pulled, and each pull is a call of its own. The grain's method goes on under the context that the
#          reader has at that pull. If the reader sets another tenant while it reads, the grain sees that tenant in mid-
#          stream, one item late. If the reader clears the context, the grain sees none. A copy that the method takes at
#          its start stays. An awaited call keeps its context to its end.
# Matters: A program that serves many tenants sets the context for the next call while a stream is still open. The grain
#          then counts, logs or checks the rest of this stream for the other tenant. Read the context once, before
#          the first `yield`.
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
    <PackageReference Include="Microsoft.Orleans.Server" Version="[10.4.2]" />
    <PackageReference Include="Microsoft.Orleans.Client" Version="[10.4.2]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

var gateway = FreePort();
using var silo = Host.CreateDefaultBuilder().ConfigureLogging(logging => logging.ClearProviders())
    .UseOrleans(builder => builder.UseLocalhostClustering(FreePort(), gateway)).Build();
await silo.StartAsync();
using var client = Host.CreateDefaultBuilder().ConfigureLogging(logging => logging.ClearProviders())
    .UseOrleansClient(builder => builder.UseLocalhostClustering(gateway)).Build();
await client.StartAsync();
var same = true;
foreach (var (name, host) in new[] { ("in the silo", silo), ("from a client", client) })
{
    var answers = host.Services.GetRequiredService<IGrainFactory>().GetGrain<IAnswers>(name);
    same &= await Shows("keeps acme", "acme acme acme acme acme", () => { });
    same &= await Shows("sets other behind item 1", "acme acme other other other",
        () => RequestContext.Set("tenant", "other"));
    same &= await Shows("clears behind item 1", "acme acme none none none", RequestContext.Clear);
    RequestContext.Set("tenant", "acme");
    var call = answers.Wait();
    RequestContext.Set("tenant", "other");
    var seen = await call;
    Console.WriteLine($"{name}, an awaited call, the caller sets other meanwhile: {seen}");
    same &= seen == "acme acme";

    async Task<bool> Shows(string reader, string expected, Action behindFirst)
    {
        RequestContext.Set("tenant", "acme");
        List<string> tenants = [];
        await foreach (var (atStart, now) in answers.Stream())
        {
            tenants.Add(now);
            same &= atStart == "acme";
            if (tenants.Count == 1)
            {
                behindFirst();
            }
        }
        Console.WriteLine($"{name}, the reader {reader}: {string.Join(' ', tenants)}");
        return string.Join(' ', tenants) == expected;
    }
}
await client.StopAsync();
await silo.StopAsync();
return same ? 0 : 1;

static int FreePort()
{
    using var listener = new TcpListener(IPAddress.Loopback, 0);
    listener.Start();
    return ((IPEndPoint)listener.LocalEndpoint).Port;
}

public interface IAnswers : IGrainWithStringKey
{
    IAsyncEnumerable<(string AtStart, string Now)> Stream();
    Task<string> Wait();
}

public sealed class Answers : Grain, IAnswers
{
    private static string Tenant => RequestContext.Get("tenant") as string ?? "none";

    public async IAsyncEnumerable<(string AtStart, string Now)> Stream()
    {
        var atStart = Tenant;
        for (var item = 0; item < 5; item++)
        {
            yield return (atStart, Tenant);
            await Task.Delay(100);
        }
    }

    public async Task<string> Wait()
    {
        var atStart = Tenant;
        await Task.Delay(100);
        return $"{atStart} {Tenant}";
    }
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
