#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI 10.11.0 (NuGet), `MessageCountingChatReducer` with `UseFunctionInvocation`.
# Guess:   A reducer of 20 messages leaves a history of 3 messages alone, and keeps a call together with its output.
# Seen:    It drops all calls and outputs, however short the history is. Behind the function loop
#          (`UseFunctionInvocation().UseChatReducer(…)`) the model never sees the output of the call that it has just
#          made. It gets the same question again, makes the same call, and the tool runs 40 times.
#          Before the loop (`UseChatReducer(…).UseFunctionInvocation()`) one call ends the question.
# Matters: The order of two lines decides. The wrong one runs a tool 40 times and pays for 41 requests; the server sees
#          the same request 41 times.
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
    <Nullable>enable</Nullable>
    <NoWarn>MEAI001</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.Extensions.AI" Version="[10.11.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using Microsoft.Extensions.AI;

var reducer = new MessageCountingChatReducer(20);
var rows = new (string Name, Func<ChatClientBuilder, ChatClientBuilder> Build, int Requests, int Runs)[]
{
    ("no reducer", builder => builder.UseFunctionInvocation(), 2, 1),
    ("reducer before the loop", builder => builder.UseChatReducer(reducer).UseFunctionInvocation(), 2, 1),
    ("reducer behind the loop", builder => builder.UseFunctionInvocation().UseChatReducer(reducer), 41, 40),
};
var same = true;
foreach (var (name, build, requests, expected) in rows)
{
    var runs = 0;
    var tool = AIFunctionFactory.Create(() => $"run {++runs}", "look");
    using var model = new Model();
    using var client = build(model.AsBuilder()).Build();
    await client.GetResponseAsync("q", new ChatOptions { Tools = [tool] });
    Console.WriteLine($"{name,-24} requests {model.Requests}, tool ran {runs} times, last request: {model.Last}");
    same &= (model.Requests, runs) == (requests, expected);
}
return same ? 0 : 1;

// Calls the tool if it does not see an output, and answers if it does.
internal sealed class Model : IChatClient
{
    public int Requests { get; private set; }

    public string Last { get; private set; } = "";

    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken token = default)
    {
        Requests++;
        Last = string.Join(" ", messages.Select(message => message.Role));
        AIContent content = messages.Any(message => message.Role == ChatRole.Tool)
            ? new TextContent("done")
            : new FunctionCallContent($"call_{Requests}", "look");
        return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, [content])));
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
