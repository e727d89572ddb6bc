#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI 10.11.0 with Microsoft.Extensions.AI.OpenAI 10.11.0 and OpenAI 2.14.0 (NuGet).
# Guess:   A tool that returns a string sends that string as its output.
# Seen:    The output is the string as JSON: in quotes, with \n for each line end and \" for each quote, over the
#          Responses API and over chat completions. A tool that returns a TextContent sends the text as it is over
#          the Responses API, and over chat completions an object with "$type" and "text".
# Matters: Files, diffs, HTML and logs are the usual outputs. The model reads them as one escaped line, which costs
#          more tokens, and copies the escapes into its edits. A server stores and shows what it was sent.
#          Set `MarshalResult` to keep the string: then both APIs send the text.
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
    <NoWarn>OPENAI001;MEAI001</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.Extensions.AI" Version="[10.11.0]" />
    <PackageReference Include="Microsoft.Extensions.AI.OpenAI" Version="[10.11.0]" />
    <PackageReference Include="OpenAI" Version="[2.14.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.ClientModel;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using OpenAI;

const string text = "<p class=\"a\">\n";
const string responseCall = """
    {"id":"resp_1","object":"response","created_at":1700000000,"model":"m","status":"completed","tools":[],
     "parallel_tool_calls":true,"tool_choice":"auto","metadata":{},"error":null,"incomplete_details":null,
     "output":[{"id":"fc_1","type":"function_call","call_id":"call_1","name":"read","arguments":"{}",
     "status":"completed"}]}
    """;
const string chatCall = """
    {"id":"chat_1","object":"chat.completion","created":1700000000,"model":"m",
     "choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":null,
     "tool_calls":[{"id":"call_1","type":"function","function":{"name":"read","arguments":"{}"}}]}}]}
    """;
var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
var app = builder.Build();
JsonNode? output = null;
app.MapPost("/v1/{**path}", async (HttpContext context, string path) =>
{
    var body = await JsonNode.ParseAsync(context.Request.Body);
    var last = (body?["input"] ?? body?["messages"])?.AsArray()[^1];
    output = last?["output"] ?? (last?["role"]?.ToString() == "tool" ? last["content"] : null);
    context.Response.StatusCode = output is null ? 200 : 400;
    context.Response.ContentType = "application/json";
    await context.Response.WriteAsync(output is not null ? "{}" : path == "responses" ? responseCall : chatCall);
});
await app.StartAsync();
var options = new OpenAIClientOptions { Endpoint = new Uri(app.Urls.First() + "/v1") };
var client = new OpenAIClient(new ApiKeyCredential("none"), options);
var apis = new (string Name, IChatClient Client)[]
{
    ("responses", client.GetResponsesClient().AsIChatClient("m")),
    ("chat", client.GetChatClient("m").AsIChatClient()),
};
var kept = new AIFunctionFactoryOptions { Name = "read", MarshalResult = (result, _, _) => new(result) };
const string escaped = """
    "<p class=\"a\">\n"
    """;
const string content = """{ "$type": "text", "text": "<p class=\"a\">\n"}""";
var tools = new (string Name, AIFunction Tool, string OverResponses, string OverChat)[]
{
    ("returns a string", AIFunctionFactory.Create(() => text, "read"), escaped, escaped),
    ("returns a TextContent", AIFunctionFactory.Create(() => new TextContent(text), "read"), text, content),
    ("keeps the string", AIFunctionFactory.Create(() => text, kept), text, text),
};
var same = true;
foreach (var (api, chat) in apis)
{
    foreach (var (name, tool, overResponses, overChat) in tools)
    {
        try
        {
            var caller = chat.AsBuilder().UseFunctionInvocation().Build();
            await caller.GetResponseAsync("q", new ChatOptions { Tools = [tool] });
        }
        catch (ClientResultException)
        {
            // The server has seen the output, and ends there.
        }
        var sent = output is JsonArray parts ? parts[0]?["text"]?.GetValue<string>() : output?.GetValue<string>();
        Console.WriteLine($"{api,-10} {name,-22} {sent?.Replace("\n", "(line end)")}");
        var expected = api == "chat" ? overChat : overResponses;
        same &= sent == expected || (expected == content && JsonNode.DeepEquals(Parse(sent), Parse(content)));
    }
}
return same ? 0 : 1;

static JsonNode? Parse(string? json) => JsonNode.Parse(json ?? "null");
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
