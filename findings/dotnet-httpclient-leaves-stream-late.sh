#!/usr/bin/env bash
# Package: System.Net.Http of .NET 10.0.12.
# Guess:   A program that disposes the answer of an event stream has left: the connection closes at once.
# Seen:    The connection stays open for 2 seconds and the client reads on, in the hope that the answer ends and the
#          connection can be used again (`SocketsHttpHandler.ResponseDrainTimeout`). An event stream does not end.
#          A cancelled read closes at once, and so does an answer whose drain timeout is zero.
# Matters: A user presses stop, and the model writes on for 2 seconds, which are paid. A server sees the client leave
#          late, and proxies pass that on. Cancel the read, or set the drain timeout to zero.
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
</Project>
XML
cat > Program.cs <<'CS'
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

using var listener = new TcpListener(IPAddress.Loopback, 0);
listener.Start();
var address = new Uri($"http://{listener.LocalEndpoint}/");

// Gives the seconds from the client's leaving to the end of its connection.
async Task<double> LeaveAsync(bool isCancelled, TimeSpan? drain)
{
    using var handler = new SocketsHttpHandler();
    handler.ResponseDrainTimeout = drain ?? handler.ResponseDrainTimeout;
    using var http = new HttpClient(handler);
    var asking = http.GetAsync(address, HttpCompletionOption.ResponseHeadersRead);
    using var server = await listener.AcceptTcpClientAsync();
    var stream = server.GetStream();
    var buffer = new byte[4096];
    await stream.ReadAsync(buffer);
    await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" +
        "Transfer-Encoding: chunked\r\n\r\nd\r\ndata: hello\n\n\r\n"));
    var answer = await asking;
    var body = await answer.Content.ReadAsStreamAsync();
    await body.ReadAsync(buffer);
    var left = Stopwatch.StartNew();
    if (isCancelled)
    {
        using var leave = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        try { await body.ReadAsync(buffer, leave.Token); } catch (OperationCanceledException) { }
    }
    answer.Dispose();
    try { await stream.ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(10)); } catch (IOException) { }
    return left.Elapsed.TotalSeconds;
}

var disposed = await LeaveAsync(false, null);
var cancelled = await LeaveAsync(true, null);
var zero = await LeaveAsync(false, TimeSpan.Zero);
Console.WriteLine($"answer disposed: the connection ended after {disposed:f2} s");
Console.WriteLine($"read cancelled, then disposed: after {cancelled:f2} s");
Console.WriteLine($"disposed, ResponseDrainTimeout zero: after {zero:f2} s");
return disposed is > 1.5 and < 5 && cancelled < 1 && zero < 1 ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
