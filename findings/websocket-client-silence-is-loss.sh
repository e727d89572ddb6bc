#!/usr/bin/env bash
# Package: Websocket.Client 5.5.1 (NuGet), against a Kestrel server of .NET 10.
# Guess:   A connection whose server answers pings, and sends pings of its own, counts as alive.
# Seen:    Only messages count. After `ReconnectTimeout` without a message (1 minute by default) the client drops the
#          connection and makes a new one. The pings in between change nothing.
# Matters: A model that thinks for more than a minute sends no message. The client leaves in the middle of the turn,
#          and the server sees a client that goes and another that comes and asks nothing.
#          Set `ReconnectTimeout` to null; the pings of ClientWebSocket find dead connections.
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
    <PackageReference Include="Websocket.Client" Version="[5.5.1]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Net.WebSockets;
using Websocket.Client;

var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
var app = builder.Build();
var ping = TimeSpan.FromMilliseconds(200);
app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = ping, KeepAliveTimeout = TimeSpan.FromSeconds(5) });
var connections = 0;
app.Map("/{speech}", async (HttpContext context, string speech) =>
{
    Interlocked.Increment(ref connections);
    using var socket = await context.WebSockets.AcceptWebSocketAsync();
    // The read answers the client's pings and sees its pongs. The loop below talks, or keeps silent.
    var read = socket.ReceiveAsync(new byte[16], CancellationToken.None);
    while (!read.IsCompleted)
    {
        if (speech == "talks")
        {
            await socket.SendAsync("x"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
        }
        await Task.WhenAny(read, Task.Delay(500));
    }
    await read.ContinueWith(_ => { });
});
await app.StartAsync();
var address = new Uri(app.Urls.First().Replace("http", "ws"));

using var untouched = new WebsocketClient(address);
Console.WriteLine($"ReconnectTimeout by default: {untouched.ReconnectTimeout}");
var same = untouched.ReconnectTimeout == TimeSpan.FromMinutes(1);
foreach (var (speech, timeout, expected) in new (string, TimeSpan?, bool)[]
{
    ("talks", TimeSpan.FromSeconds(2), false),
    ("silent", null, false),
    ("silent", TimeSpan.FromSeconds(2), true),
})
{
    connections = 0;
    using var client = new WebsocketClient(
        new Uri(address, speech),
        () => new ClientWebSocket { Options = { KeepAliveInterval = ping } });
    client.ReconnectTimeout = timeout;
    await client.Start();
    await Task.Delay(TimeSpan.FromSeconds(8));
    var seen = connections > 1;
    var limit = timeout?.ToString() ?? "null";
    Console.WriteLine($"server {speech,-6} ReconnectTimeout {limit,-8} connections: {connections}");
    same &= seen == expected;
    await client.Stop(WebSocketCloseStatus.NormalClosure, "done");
}
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
