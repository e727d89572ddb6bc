#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI 10.11.0 (NuGet), `GetResponseAsync<T>`.
# Guess:   The schema that is sent says which fields are required. An answer that lacks them has no result:
#          `TryGetResult` is false and `Result` throws, as with a field of the wrong type.
# Seen:    {} is a result: each missing string is null, though the type does not allow it, and each number is 0.
#          Of two objects in one answer the first is taken. An integer that is written as 7.0 is no result, though the
#          schema allows it.
# Matters: Many model servers do not enforce schemas, and some answer {} at once. The program goes on with price 0 and
#          no name, and nothing is logged.
#          Set `RespectRequiredConstructorParameters` and `RespectNullableAnnotations` in the serializer's options.
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
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.Extensions.AI" Version="[10.11.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Text.Json;
using Microsoft.Extensions.AI;

var strict = new JsonSerializerOptions(AIJsonUtilities.DefaultOptions)
{
    RespectRequiredConstructorParameters = true,
    RespectNullableAnnotations = true,
};
var rows = new (string Answer, string ByDefault, string Strict)[]
{
    ("""{"name":"tea","price":3}""", "tea, 3", "tea, 3"),
    ("""{"name":"tea","price":"much"}""", "no result", "no result"),
    ("{}", "null, 0", "no result"),
    ("""{"price":3}""", "null, 3", "no result"),
    ("""{"name":null,"price":3}""", "null, 3", "no result"),
    ("""{"name":"tea","price":3}{"name":"milk","price":1}""", "tea, 3", "tea, 3"),
    ("""{"name":"tea","price":7.0}""", "no result", "no result"),
};
var same = true;
foreach (var (answer, byDefault, expected) in rows)
{
    var seen = (await AskAsync(answer, AIJsonUtilities.DefaultOptions), await AskAsync(answer, strict));
    Console.WriteLine($"{answer,-49} by default: {seen.Item1,-10} strict: {seen.Item2}");
    same &= seen == (byDefault, expected);
}
using var asked = new Model("{}");
await asked.GetResponseAsync<Offer>("q");
var required = ((ChatResponseFormatJson)asked.Format!).Schema!.Value.GetProperty("required").GetRawText();
Console.WriteLine($"the schema that was sent requires {required}");
return same && required.Contains("name") && required.Contains("price") ? 0 : 1;

static async Task<string> AskAsync(string answer, JsonSerializerOptions options)
{
    using var model = new Model(answer);
    var response = await model.GetResponseAsync<Offer>("q", options);
    return response.TryGetResult(out var offer) ? $"{offer.Name ?? "null"}, {offer.Price}" : "no result";
}

internal sealed record Offer(string Name, int Price);

internal sealed class Model(string answer) : IChatClient
{
    public ChatResponseFormat? Format { get; private set; }

    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken token = default)
    {
        Format = options?.ResponseFormat;
        return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, answer)));
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
