#!/usr/bin/env bash
# Package: Microsoft.Orleans.Server and Microsoft.Orleans.Persistence.Memory 10.4.2 (NuGet), grain state with the
#          default serializer of grain storage.
# Guess:   A state that is written and read again is the same state.
# Seen:    A type may fill a list for new grains: `List<string> Roles { get; set; } = ["user"]`. Such a list gets its
#          first elements again at each read: the stored elements are added to them. An emptied list is not empty at
#          the next activation, and a grain that writes at each activation has one more "user" each time.
#          An array, an ImmutableArray and a list that starts empty come back as they were, and so does the list with
#          OrleansGrainStorageSerializer.
# Matters: Default tools or prompts in a list are sent to the model once more after each idle time, move or restart. A
#          right that was taken away comes back. In one activation nothing of it shows.
#          Fill the list in OnActivateAsync if `RecordExists` is false, or set the serializer.
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
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
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
const string New = "list [user] array [user] immutable [user] starts empty []";
const string Empty = "list [] array [] immutable [] starts empty []";
var same = true;
var rows = new[]
{
    ("DefaultMember", New.Replace("t [user]", "t [user user user user]"), Empty.Replace("list []", "list [user]")),
    ("GeneratedMember", New, Empty),
};
foreach (var (grain, kept, emptied) in rows)
{
    var member = grains.GetGrain<IMember>("writes", grain);
    for (var activation = 1; activation <= 4; activation++)
    {
        var seen = await member.WriteAndShow();
        Console.WriteLine($"{grain}, activation {activation}: {seen}");
        same &= activation != 1 && activation != 4 || seen == (activation == 1 ? New : kept);
        await LeaveAsync(member);
    }
    var other = grains.GetGrain<IMember>("is emptied", grain);
    await other.Empty();
    await LeaveAsync(other);
    var after = await other.WriteAndShow();
    Console.WriteLine($"{grain}, emptied, then activated: {after}");
    same &= after == emptied;
}
await silo.StopAsync();
return same ? 0 : 1;

static async Task LeaveAsync(IMember member)
{
    var first = await member.Activation();
    for (var tries = 0; tries < 100 && await member.Activation() == first; tries++)
    {
        await member.Leave();
        await Task.Delay(50);
    }
}

static int FreePort()
{
    using var listener = new TcpListener(IPAddress.Loopback, 0);
    listener.Start();
    return ((IPEndPoint)listener.LocalEndpoint).Port;
}

[GenerateSerializer]
public sealed class Roles
{
    [Id(0)]
    public List<string> List { get; set; } = ["user"];

    [Id(1)]
    public string[] Array { get; set; } = ["user"];

    [Id(2)]
    public ImmutableArray<string> Immutable { get; set; } = ["user"];

    [Id(3)]
    public List<string> StartsEmpty { get; set; } = [];

    public override string ToString() => $"list [{string.Join(' ', List)}] array [{string.Join(' ', Array)}] " +
        $"immutable [{string.Join(' ', Immutable)}] starts empty [{string.Join(' ', StartsEmpty)}]";
}

public interface IMember : IGrainWithStringKey
{
    Task<string> WriteAndShow();
    Task Empty();
    Task<Guid> Activation();
    Task Leave();
}

public abstract class Member(IPersistentState<Roles> state) : Grain, IMember
{
    private readonly Guid _activation = Guid.NewGuid();

    public async Task<string> WriteAndShow()
    {
        await state.WriteStateAsync();
        return state.State.ToString();
    }

    public Task Empty()
    {
        state.State = new Roles { List = [], Array = [], Immutable = [], StartsEmpty = [] };
        return state.WriteStateAsync();
    }

    public Task<Guid> Activation() => Task.FromResult(_activation);

    public Task Leave()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

public sealed class DefaultMember([PersistentState("roles", "default")] IPersistentState<Roles> state) : Member(state);

public sealed class GeneratedMember([PersistentState("roles", "generated")] IPersistentState<Roles> state)
    : Member(state);
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
