#!/usr/bin/env bash
# Package: Microsoft.Orleans.Server and Microsoft.Orleans.Persistence.Memory 10.4.2 (NuGet), grain state with the
#          default serializer of grain storage.
# Guess:   A type with [GenerateSerializer] and [Id] that crosses a grain call whole is stored whole. If storage can not
#          hold a part of it, the write fails.
# Seen:    Storage does not use the generated serializer. It writes JSON with Newtonsoft.Json, which knows no [Id], and
#          nothing fails. After the next activation a ReadOnlyMemory<byte> is empty, and private fields with [Id] are
#          gone. A Stack stands upside down, so it turns over at each second activation. A dictionary has lost its
#          comparer. A text in a Dictionary<string, object> that looks like a date is a DateTime of another zone.
#          With OrleansGrainStorageSerializer all of them come back as they were.
# Matters: Tests with one activation are green, since the state stays in memory: the loss shows after the first idle
#          time, move or restart. Bytes of a model's answer or a tool's output are gone by then.
#          Set the serializer in the options of the storage, or keep to byte[], public properties and lists.
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
    <PackageReference Include="Microsoft.Orleans.Persistence.Memory" Version="[10.4.2]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Serialization;
using Orleans.Storage;

using var silo = Host.CreateDefaultBuilder().ConfigureLogging(logging => logging.ClearProviders())
    .UseOrleans(builder => builder.UseLocalhostClustering(FreePort(), FreePort())
        .AddMemoryGrainStorage("default")
        .AddMemoryGrainStorage("generated", options => options.Configure<Serializer>((memory, serializer) =>
            memory.GrainStorageSerializer = new OrleansGrainStorageSerializer(serializer)))).Build();
await silo.StartAsync();
var grains = silo.Services.GetRequiredService<IGrainFactory>();
string[] whole =
[
    "bytes \"hello\"", "private field \"draft\"", "stack 3 2 1", "finds KEY: True",
    "at is a String: 2026-11-29T20:00:00+02:00",
];
string[] cut =
[
    "bytes \"\"", "private field \"\"", "stack 1 2 3", "finds KEY: False", "at is a DateTime: 2026-11-29T18:00:00",
];
var same = await Shows("DefaultNote", "sent through calls, in memory", whole, false);
same &= await Shows("DefaultNote", "default serializer, next activation", cut, true);
same &= await Shows("GeneratedNote", "OrleansGrainStorageSerializer, next activation", whole, true);
await silo.StopAsync();
return same ? 0 : 1;

async Task<bool> Shows(string grain, string name, string[] expected, bool leaves)
{
    var note = grains.GetGrain<INote>(name, grain);
    await note.Write(Kept.New());
    var first = await note.Activation();
    for (var tries = 0; leaves && tries < 100 && await note.Activation() == first; tries++)
    {
        await note.Leave();
        await Task.Delay(50);
    }
    var seen = (await note.Read()).Show();
    Console.WriteLine($"{name}\n  {string.Join("\n  ", seen)}");
    return seen.SequenceEqual(expected) && leaves == (await note.Activation() != first);
}

static int FreePort()
{
    using var listener = new TcpListener(IPAddress.Loopback, 0);
    listener.Start();
    return ((IPEndPoint)listener.LocalEndpoint).Port;
}

[GenerateSerializer]
public sealed class Kept
{
    [Id(0)]
    public ReadOnlyMemory<byte> Bytes { get; set; }

    [Id(1)]
    private string _draft = "";

    [Id(2)]
    public Stack<int> Stack { get; set; } = new();

    [Id(3)]
    public Dictionary<string, int> ByName { get; set; } = [];

    [Id(4)]
    public Dictionary<string, object> More { get; set; } = [];

    public static Kept New() => new()
    {
        Bytes = "hello"u8.ToArray(),
        _draft = "draft",
        Stack = new([1, 2, 3]),
        ByName = new(StringComparer.OrdinalIgnoreCase) { ["key"] = 1 },
        More = new() { ["at"] = "2026-11-29T20:00:00+02:00" },
    };

    public string[] Show() =>
    [
        $"bytes \"{Encoding.UTF8.GetString(Bytes.Span)}\"",
        $"private field \"{_draft}\"",
        $"stack {string.Join(' ', Stack)}",
        $"finds KEY: {ByName.ContainsKey("KEY")}",
        More["at"] is DateTime at
            ? $"at is a DateTime: {at.ToUniversalTime():yyyy-MM-ddTHH:mm:ss}"
            : $"at is a {More["at"].GetType().Name}: {More["at"]}",
    ];
}

public interface INote : IGrainWithStringKey
{
    Task Write(Kept kept);
    Task<Kept> Read();
    Task<Guid> Activation();
    Task Leave();
}

public abstract class Note(IPersistentState<Kept> state) : Grain, INote
{
    private readonly Guid _activation = Guid.NewGuid();

    public Task Write(Kept kept)
    {
        state.State = kept;
        return state.WriteStateAsync();
    }

    public Task<Kept> Read() => Task.FromResult(state.State);

    public Task<Guid> Activation() => Task.FromResult(_activation);

    public Task Leave()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

public sealed class DefaultNote([PersistentState("note", "default")] IPersistentState<Kept> state) : Note(state);

public sealed class GeneratedNote([PersistentState("note", "generated")] IPersistentState<Kept> state) : Note(state);
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
TZ=UTC timeout 50 dotnet out/seen.dll
