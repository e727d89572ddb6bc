#!/usr/bin/env bash
# Package: Microsoft.Orleans.Server and Microsoft.Orleans.Persistence.AzureStorage 10.4.2 (NuGet), the grain storage in
#          Azure tables, on azurite 3.35.0 (npm).
# Guess:   Two grains with two keys have two states. Letters that a table's key can not hold are escaped or refused.
# Seen:    The provider writes / \ # and ? as an underscore. The grains a/b, a\b, a#b, a?b and a_b share one row:
#          each starts with what another has stored. Colon, percent, plus, dot and blank stay as they are.
#          While two of them are active, the second write fails with InconsistentStateException.
# Matters: Keys are often put together: tenant/user, a path, a URL, a model's name (org/model). Two conversations
#          then read and overwrite one another. Build keys of letters that the provider keeps, or encode them.
# Needs:   .NET 10 SDK, node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
azurite=
trap '[ -z "$azurite" ] || kill "$azurite"; rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --loglevel=error --no-audit --no-fund --ignore-scripts azurite@3.35.0 >/dev/null
cat > seen.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.Orleans.Server" Version="[10.4.2]" />
    <PackageReference Include="Microsoft.Orleans.Persistence.AzureStorage" Version="[10.4.2]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Net;
using System.Net.Sockets;
using Azure.Data.Tables;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Storage;

var credential = new TableSharedKeyCredential("notes", args[1]);
var tables = new TableServiceClient(new Uri($"http://127.0.0.1:{args[0]}/notes"), credential);
using var silo = Host.CreateDefaultBuilder().ConfigureLogging(logging => logging.ClearProviders())
    .UseOrleans(builder => builder.UseLocalhostClustering(FreePort(), FreePort())
        .AddAzureTableGrainStorage("table", options => options.TableServiceClient = tables)).Build();
await silo.StartAsync();
var grains = silo.Services.GetRequiredService<IGrainFactory>();
var same = true;
await grains.GetGrain<INote>("a/b").Write("note of a/b");
var others = new (string Key, bool Shares)[]
{
    ("a\\b", true), ("a#b", true), ("a?b", true), ("a_b", true),
    ("a:b", false), ("a%b", false), ("a+b", false), ("a.b", false), ("a b", false), ("A/b", false),
};
foreach (var (key, shares) in others)
{
    var text = await grains.GetGrain<INote>(key).Read();
    Console.WriteLine($"the new grain {key,-5} reads \"{text}\"");
    same &= text == (shares ? "note of a/b" : "");
}
var second = "no error";
await grains.GetGrain<INote>("a_b").Write("note of a_b");
try
{
    await grains.GetGrain<INote>("a/b").Write("changed");
}
catch (InconsistentStateException exception)
{
    second = exception.GetType().Name;
}
Console.WriteLine($"after a write of a_b a write of a/b ends with: {second}");
await silo.StopAsync();
return same && second != "no error" ? 0 : 1;

static int FreePort()
{
    using var listener = new TcpListener(IPAddress.Loopback, 0);
    listener.Start();
    return ((IPEndPoint)listener.LocalEndpoint).Port;
}

public interface INote : IGrainWithStringKey
{
    Task Write(string text);
    Task<string> Read();
}

[GenerateSerializer]
public sealed class Text
{
    [Id(0)]
    public string Value { get; set; } = "";
}

public sealed class Note([PersistentState("note", "table")] IPersistentState<Text> state) : Grain, INote
{
    public Task Write(string text)
    {
        state.State.Value = text;
        return state.WriteStateAsync();
    }

    public Task<string> Read() => Task.FromResult(state.State.Value);
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
key=$(head -c 32 /dev/urandom | base64)
port=$(node -e 'const server = net.createServer().listen(0, "127.0.0.1", () => {
  console.log(server.address().port);
  server.close();
})')
AZURITE_ACCOUNTS="notes:$key" node_modules/.bin/azurite-table --silent --inMemoryPersistence --disableTelemetry \
  --skipApiVersionCheck --tableHost 127.0.0.1 --tablePort "$port" > azurite.txt &
azurite=$!
sleep 4
timeout 50 dotnet out/seen.dll "$port" "$key"
