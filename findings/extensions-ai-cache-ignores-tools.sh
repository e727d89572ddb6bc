#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI 10.11.0 (NuGet), `UseDistributedCache` with the in-memory cache of ASP.NET Core 10.
# Guess:   The cache gives an answer again if the messages and the options are the same, the tools among them.
# Seen:    The tools do not count: the same messages with other tools, or with none, get the answer of the first.
#          Other options count: temperature, model, instructions, tool mode, response format. Answers that were cut
#          ("length") or filtered are kept and given again like whole ones.
# Matters: Agents with different rights share a cache. One gets a call to a tool that only the other has, and its loop
#          fails. After an upgrade of the tools the old calls come back. A cut answer stays cut until it expires.
#          Put the tools into the key: `CacheKeyAdditionalValues`, or an entry in `AdditionalProperties`.
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
    <Nullable>enable</Nullable>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.Extensions.AI" Version="[10.11.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Options;

AITool read = AIFunctionFactory.Create((string path) => path, "read");
AITool write = AIFunctionFactory.Create((string path, string text) => text, "write");
var whole = ChatFinishReason.Stop;
var rows = new (string Name, ChatFinishReason Reason, ChatOptions First, ChatOptions Second, int Calls)[]
{
    ("the same options", whole, new(), new(), 1),
    ("another temperature", whole, new() { Temperature = 0 }, new() { Temperature = 1 }, 2),
    ("other instructions", whole, new() { Instructions = "a" }, new() { Instructions = "b" }, 2),
    ("another tool mode", whole, new() { ToolMode = ChatToolMode.Auto }, new() { ToolMode = ChatToolMode.None }, 2),
    ("another tool", whole, new() { Tools = [read] }, new() { Tools = [write] }, 1),
    ("no tools", whole, new() { Tools = [read, write] }, new(), 1),
    ("a cut answer", ChatFinishReason.Length, new(), new(), 1),
    ("a filtered answer", ChatFinishReason.ContentFilter, new(), new(), 1),
};
var same = true;
foreach (var (name, reason, first, second, expected) in rows)
{
    var cache = new MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions()));
    using var model = new Model(reason);
    using var client = model.AsBuilder().UseDistributedCache(cache).Build();
    await client.GetResponseAsync("q", first);
    await client.GetResponseAsync("q", second);
    Console.WriteLine($"{name,-20} {(model.Calls == 1 ? "answered from the cache" : "asked the model again")}");
    same &= model.Calls == expected;
}
return same ? 0 : 1;

internal sealed class Model(ChatFinishReason reason) : IChatClient
{
    public int Calls { get; private set; }

    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken token = default)
    {
        Calls++;
        return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, "a")) { FinishReason = reason });
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken token = default) =>
        throw new NotSupportedException();

    public object? GetService(Type type, object? key = null) => null;

    public void Dispose()
    {
    }
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
