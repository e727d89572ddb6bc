#!/usr/bin/env bash
# Package: ClientWebSocket and Kestrel of .NET 10.0.12, `KeepAliveTimeout`.
# Guess:   With `KeepAliveInterval` and `KeepAliveTimeout` a connection whose other side answers each ping stays open,
#          whatever the program does meanwhile.
# Seen:    The socket reads the pong only while the program waits in ReceiveAsync. A client that does not read for a few
#          seconds is aborted: "didn't recieve a Pong frame". So is a server that only sends, in the middle of its
#          sending. With a ReceiveAsync that waits all the time, or without the timeout, both stay open.
# Matters: An agent reads a tool call from its socket, runs the tool and then reads on. If the tool takes longer than
#          the timeout, the connection is gone, with all that the agent had not read. The error blames the other side.
#          A relay that only pushes events to a page fails likewise. Read in a task of its own, always.
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
using System.Net.WebSockets;
using System.Threading.Channels;

var second = TimeSpan.FromSeconds(1);
var ends = Channel.CreateUnbounded<string>();
var builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
var app = builder.Build();
app.UseWebSockets();
app.Map("/answers", async (HttpContext context) =>
{
    using var socket = await context.WebSockets.AcceptWebSocketAsync();
    await socket.SendAsync("call"u8.ToArray(), WebSocketMessageType.Text, true, default);
    await ReadToEndAsync(socket);
});
app.Map("/sends/{reads:bool}", async (HttpContext context, bool reads) =>
{
    var options = new WebSocketAcceptContext { KeepAliveInterval = second, KeepAliveTimeout = second };
    using var socket = await context.WebSockets.AcceptWebSocketAsync(options);
    var reader = reads ? ReadToEndAsync(socket) : Task.CompletedTask;
    var end = "sent all 20";
    try
    {
        for (var number = 0; number < 20; number++)
        {
            await socket.SendAsync("event"u8.ToArray(), WebSocketMessageType.Text, true, default);
            await Task.Delay(200);
        }
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", default);
        await reader;
    }
    catch (WebSocketException)
    {
        end = $"broken while it sends: {socket.State}";
    }
    ends.Writer.TryWrite(end);
});
await app.StartAsync();
var url = app.Urls.First().Replace("http", "ws");

var same = await ClientAsync("reads, pauses 4 s, reads on", second, false, "Aborted");
same &= await ClientAsync("reads all the time, works 4 s beside it", second, true, "Open");
same &= await ClientAsync("reads, pauses 4 s, reads on, no timeout", Timeout.InfiniteTimeSpan, false, "Open");
foreach (var (reads, expected) in new[] { (false, "broken while it sends: Aborted"), (true, "sent all 20") })
{
    using var socket = new ClientWebSocket();
    await socket.ConnectAsync(new Uri($"{url}/sends/{reads}"), default);
    var events = await ReadToEndAsync(socket);
    var end = await ends.Reader.ReadAsync();
    Console.WriteLine($"server with the timeout that {(reads ? "reads too" : "only sends"),-10}: {end}");
    same &= end == expected && (events == 20) == reads;
}
await app.StopAsync();
return same ? 0 : 1;

async Task<bool> ClientAsync(string name, TimeSpan timeout, bool readsAlways, string expected)
{
    using var socket = new ClientWebSocket();
    socket.Options.KeepAliveInterval = second;
    socket.Options.KeepAliveTimeout = timeout;
    await socket.ConnectAsync(new Uri($"{url}/answers"), default);
    await socket.ReceiveAsync(new byte[100], default);
    using var over = new CancellationTokenSource();
    var reader = readsAlways ? socket.ReceiveAsync(new byte[100], over.Token) : Task.CompletedTask;
    await Task.Delay(4000);
    var state = socket.State.ToString();
    var error = "";
    try
    {
        await socket.SendAsync("output"u8.ToArray(), WebSocketMessageType.Text, true, default);
    }
    catch (WebSocketException exception)
    {
        error = $", {exception.InnerException?.Message}";
    }
    Console.WriteLine($"client {name}: {state}{error}");
    await over.CancelAsync();
    await Task.WhenAny(reader);
    return state == expected && error.Contains("Pong") == (expected == "Aborted");
}

static async Task<int> ReadToEndAsync(WebSocket socket)
{
    var messages = 0;
    try
    {
        while ((await socket.ReceiveAsync(new byte[100], default)).MessageType != WebSocketMessageType.Close)
        {
            messages++;
        }
        if (socket.State == WebSocketState.CloseReceived)
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", default);
        }
    }
    catch (WebSocketException)
    {
        // The other side has broken off.
    }
    return messages;
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
