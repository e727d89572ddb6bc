#!/usr/bin/env bash
# Package: Microsoft.Orleans.Server and Microsoft.Orleans.Client 10.4.2 with System.ClientModel 1.17.0 (NuGet).
# Guess:   An exception that a grain throws arrives with its type, its message and its own properties.
# Seen:    In the process of the silo it does. A client gets the known types with their message, but their own
#          properties are gone: HttpRequestException.StatusCode is null, ClientResultException.Status is 0,
#          SocketException says "Success", ArgumentException names no parameter.
#          A type of one's own without [GenerateSerializer] arrives as CodecNotFoundException, even if it was inside.
# Matters: A grain calls a model server and gets a 429. The caller's retry policy looks at the status and finds none.
#          Tests in one process pass. Turn such failures into a result or an own, serializable exception in the grain.
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
    <PackageReference Include="System.ClientModel" Version="[1.17.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

var siloPort = FreePort();
var gatewayPort = FreePort();
using var silo = Host.CreateDefaultBuilder().ConfigureLogging(logging => logging.ClearProviders())
    .UseOrleans(builder => builder.UseLocalhostClustering(siloPort, gatewayPort)).Build();
await silo.StartAsync();
using var client = Host.CreateDefaultBuilder().ConfigureLogging(logging => logging.ClearProviders())
    .UseOrleansClient(builder => builder.UseLocalhostClustering(gatewayPort)).Build();
await client.StartAsync();
var rows = new (string Kind, string InProcess, string FromClient)[]
{
    ("http", "HttpRequestException TooManyRequests", "HttpRequestException "),
    ("client model", "ClientResultException 429", "ClientResultException 0"),
    ("socket", "SocketException ConnectionRefused", "SocketException Success"),
    ("argument", "ArgumentException model", "ArgumentException "),
    ("marked", "Marked 429", "Marked 429"),
    ("own", "Own 429", "CodecNotFoundException "),
    ("inner own", "InvalidOperationException ", "CodecNotFoundException "),
    ("timeout", "TimeoutException ", "TimeoutException "),
};
var same = true;
foreach (var (kind, inProcess, fromClient) in rows)
{
    var seen = (await CatchAsync(silo, kind), await CatchAsync(client, kind));
    Console.WriteLine($"{kind,-13} in the process: {seen.Item1,-38} from a client: {seen.Item2}");
    same &= seen == (inProcess, fromClient);
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

static async Task<string> CatchAsync(IHost host, string kind)
{
    try
    {
        await host.Services.GetRequiredService<IGrainFactory>().GetGrain<IThrower>(0).Throw(kind);
        return "nothing";
    }
    catch (Exception exception)
    {
        object? property = exception switch
        {
            HttpRequestException http => http.StatusCode,
            ClientResultException result => result.Status,
            SocketException socket => socket.SocketErrorCode,
            ArgumentException argument => argument.ParamName,
            Marked marked => marked.Status,
            Own own => own.Status,
            _ => null,
        };
        return $"{exception.GetType().Name} {property}";
    }
}

public interface IThrower : IGrainWithIntegerKey
{
    Task Throw(string kind);
}

public sealed class Thrower : Grain, IThrower
{
    public Task Throw(string kind) => throw kind switch
    {
        "http" => new HttpRequestException("full", null, HttpStatusCode.TooManyRequests),
        "client model" => new ClientResultException("full", new Full()),
        "socket" => new SocketException((int)SocketError.ConnectionRefused),
        "argument" => new ArgumentException("unknown", "model"),
        "marked" => new Marked("full") { Status = 429 },
        "own" => new Own("full") { Status = 429 },
        "inner own" => new InvalidOperationException("failed", new Own("full") { Status = 429 }),
        _ => new TimeoutException("late"),
    };
}

public sealed class Own(string message) : Exception(message)
{
    public int Status { get; set; }
}

[GenerateSerializer]
public sealed class Marked(string message) : Exception(message)
{
    [Id(0)]
    public int Status { get; set; }
}

internal sealed class Full : PipelineResponse
{
    public override int Status => 429;
    public override string ReasonPhrase => "full";
    public override Stream? ContentStream { get; set; }
    public override BinaryData Content => BinaryData.FromString("");
    protected override PipelineResponseHeaders HeadersCore => throw new NotSupportedException();
    public override BinaryData BufferContent(CancellationToken token = default) => Content;
    public override ValueTask<BinaryData> BufferContentAsync(CancellationToken token = default) => new(Content);
    public override void Dispose() { }
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
