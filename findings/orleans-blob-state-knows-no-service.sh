#!/usr/bin/env bash
# Package: Microsoft.Orleans.Server and Microsoft.Orleans.Persistence.AzureStorage 10.4.2 (NuGet), the grain storages
#          in Azure, on azurite 3.35.0 (npm).
# Guess:   Two clusters with two service ids keep their states apart, in blobs as in tables.
# Seen:    Tables keep them apart. Blobs do not: a blob's name is made of the state's name, the grain's type and its
#          key. The second service starts with the state of the first. If the second one writes, the next write of the
#          first one ends with InconsistentStateException.
#          The keys a/b and a\b share a blob too, within one service. a#b, a?b, a%2Fb and a//b have their own.
# Matters: A staging and a production cluster, or two programs with the same grains, in one storage account read and
#          overwrite one another's conversations. Orleans' documentation names persistence as a use of `ServiceId`.
#          Give each service its own container (`ContainerName`).
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
using Azure.Storage;
using Azure.Storage.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Storage;

var blobs = new BlobServiceClient(
    new Uri($"http://127.0.0.1:{args[0]}/notes"), new StorageSharedKeyCredential("notes", args[2]));
var tables = new TableServiceClient(
    new Uri($"http://127.0.0.1:{args[1]}/notes"), new TableSharedKeyCredential("notes", args[2]));
using var one = await StartAsync("service-one");
using var two = await StartAsync("service-two");
var same = true;
var storages = new[] { ("Table", ("", "no error")), ("Blob", ("of one", "InconsistentStateException")) };
foreach (var (storage, expected) in storages)
{
    await Note(one, storage, "key").Write("of one");
    var found = await Note(two, storage, "key").Read();
    await Note(two, storage, "key").Write("of two");
    var end = await Outcome(Note(one, storage, "key").Write("of one, changed"));
    Console.WriteLine($"{storage}: service two starts with \"{found}\"; behind its write, service one gets: {end}");
    same &= (found, end) == expected;
}
await Note(one, "Blob", "a/b").Write("of a/b");
var keys = new[] { ("a\\b", true), ("a#b", false), ("a?b", false), ("a%2Fb", false), ("a//b", false) };
foreach (var (key, shares) in keys)
{
    var found = await Note(one, "Blob", key).Read();
    Console.WriteLine($"Blob: the new grain {key,-5} starts with \"{found}\"");
    same &= found == (shares ? "of a/b" : "");
}
await foreach (var blob in blobs.GetBlobContainerClient("grainstate").GetBlobsAsync())
{
    Console.WriteLine($"in the container: {blob.Name}");
}
await one.StopAsync();
await two.StopAsync();
return same ? 0 : 1;

static INote Note(IHost silo, string storage, string key) =>
    silo.Services.GetRequiredService<IGrainFactory>().GetGrain<INote>(key, storage + "Note");

static async Task<string> Outcome(Task write)
{
    try
    {
        await write;
        return "no error";
    }
    catch (InconsistentStateException exception)
    {
        return exception.GetType().Name;
    }
}

async Task<IHost> StartAsync(string service)
{
    var silo = Host.CreateDefaultBuilder().ConfigureLogging(logging => logging.ClearProviders())
        .UseOrleans(builder => builder.UseLocalhostClustering(FreePort(), FreePort(), null, service, service)
            .AddAzureBlobGrainStorage("blob", options => options.BlobServiceClient = blobs)
            .AddAzureTableGrainStorage("table", options => options.TableServiceClient = tables)).Build();
    await silo.StartAsync();
    return silo;
}

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

public abstract class Note(IPersistentState<Text> state) : Grain, INote
{
    public Task Write(string text)
    {
        state.State.Value = text;
        return state.WriteStateAsync();
    }

    public Task<string> Read() => Task.FromResult(state.State.Value);
}

public sealed class BlobNote([PersistentState("note", "blob")] IPersistentState<Text> state) : Note(state);

public sealed class TableNote([PersistentState("note", "table")] IPersistentState<Text> state) : Note(state);
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
key=$(head -c 32 /dev/urandom | base64)
base=$((20000 + RANDOM % 5000))
AZURITE_ACCOUNTS="notes:$key" node_modules/.bin/azurite --silent --inMemoryPersistence --disableTelemetry \
  --skipApiVersionCheck --blobHost 127.0.0.1 --blobPort "$base" --queueHost 127.0.0.1 --queuePort $((base + 1)) \
  --tableHost 127.0.0.1 --tablePort $((base + 2)) > azurite.txt &
azurite=$!
sleep 5
timeout 50 dotnet out/seen.dll "$base" $((base + 2)) "$key"
