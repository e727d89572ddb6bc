#!/usr/bin/env bash
# Package: Microsoft.Orleans.Server 10.4.2 (NuGet), on Linux.
# Guess:   A second silo on a port that a running silo listens on fails at its start: "address already in use".
# Seen:    It starts without a word, seconds later as well as at the same moment. Both listen on both ports;
#          Linux shares new connections out between such listeners. A plain listener on that port is refused.
# Matters: Two clusters on one machine with default ports mix: a client of one reaches the other by chance.
#          A supervisor that starts a server twice has two, where it expects one and an error.
#          Check the port with a plain listener, or the membership table, before a silo starts.
# Needs:   .NET 10 SDK, Linux.
set -euo pipefail
dir=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$dir"
}
trap stop EXIT
cd "$dir"
cat > seen.csproj <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <NoWarn>NU1603</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.Orleans.Server" Version="[10.4.2]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;

var (name, port) = (args[0], int.Parse(args[1]));
try
{
    if (name == "listener")
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        Console.WriteLine("plain listener: started");
        return;
    }
    var builder = Host.CreateApplicationBuilder();
    builder.Logging.ClearProviders();
    builder.UseOrleans(silo => silo.UseLocalhostClustering(port, port + 1, null, "service-" + name, "cluster-" + name));
    using var host = builder.Build();
    await host.StartAsync();
    Console.WriteLine($"silo {name}: started on ports {port} and {port + 1}");
    await Task.Delay(TimeSpan.FromSeconds(25));
}
catch (Exception error)
{
    Console.WriteLine($"{name}: refused, {error.Message}");
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }

port=$((20000 + RANDOM % 5000))
listeners() { grep -c ":$(printf '%04X' "$1") 00000000:0000 0A" /proc/net/tcp || true; }
silo() {
  dotnet out/seen.dll "$1" "$port" > "$1.txt" 2>&1 & # It ends by itself after 25 seconds.
  pids+=($!)
  for _ in $(seq 100); do [ -s "$1.txt" ] && break; sleep 0.2; done
  cat "$1.txt"
}
silo first
sleep 3
silo second
timeout 20 dotnet out/seen.dll listener "$port" | tee listener.txt
echo "sockets that listen on the silo port: $(listeners "$port"), on the gateway port: $(listeners $((port + 1)))"
grep -q '^silo first: started' first.txt
grep -q '^silo second: started' second.txt
grep -q '^listener: refused' listener.txt
[ "$(listeners "$port")" = 2 ] && [ "$(listeners $((port + 1)))" = 2 ]
