#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI.OpenAI 10.11.0 with OpenAI 2.14.0 (NuGet), `ResponsesClient.AsIChatClient`, and
#          `AIJsonUtilities.DefaultOptions` for the JSON of messages.
# Guess:   A history that was stored as JSON and read again is sent like the history that was kept in memory.
# Seen:    Compaction items, custom tool calls, web searches and items of new types go back while they are in memory.
#          Once stored they are gone: no item, no error. Reasoning, messages and function calls go back in both.
# Matters: An agent that is started again forgets all that a compaction stood for. A custom call is gone while its
#          output is still there, and a strict server refuses an output without its call.
#          Keep the raw items besides, or let the server hold the conversation.
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
    <PackageReference Include="Microsoft.Extensions.AI.OpenAI" Version="[10.11.0]" />
    <PackageReference Include="OpenAI" Version="[2.14.0]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.ClientModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using OpenAI;

var rows = new (string Item, bool Kept)[]
{
    ("""
     {"type":"message","id":"msg_1","role":"assistant","status":"completed",
      "content":[{"type":"output_text","text":"a","annotations":[]}]}
     """, true),
    ("""{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}""", true),
    ("""{"type":"function_call","id":"fc_1","call_id":"c","name":"run","arguments":"{}","status":"completed"}""", true),
    ("""{"type":"custom_tool_call","id":"ctc_1","call_id":"c","name":"patch","input":"x"}""", false),
    ("""
     {"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"x"}}
     """, false),
    ("""{"type":"compaction","id":"cmp_1","encrypted_content":"x"}""", false),
    ("""{"type":"item_of_next_year","id":"new_1"}""", false),
};
var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
var app = builder.Build();
var item = "";
JsonArray? input = null;
app.MapPost("/v1/responses", async (HttpContext context) =>
{
    input = (await JsonNode.ParseAsync(context.Request.Body))?["input"]?.AsArray();
    context.Response.ContentType = "application/json";
    await context.Response.WriteAsync($$"""
        {"id":"resp_1","object":"response","created_at":1700000000,"model":"m","status":"completed","tools":[],
         "parallel_tool_calls":true,"tool_choice":"auto","metadata":{},"error":null,"incomplete_details":null,
         "output":[{{item}}]}
        """);
});
await app.StartAsync();
var options = new OpenAIClientOptions { Endpoint = new Uri(app.Urls.First() + "/v1") };
var client = new OpenAIClient(new ApiKeyCredential("none"), options).GetResponsesClient().AsIChatClient("m");
var same = true;
foreach (var (text, kept) in rows)
{
    item = text;
    var type = JsonNode.Parse(text)?["type"]?.ToString() ?? "";
    var history = new List<ChatMessage> { new(ChatRole.User, "q") };
    history.AddRange((await client.GetResponseAsync(history)).Messages);
    var json = JsonSerializer.Serialize(history, AIJsonUtilities.DefaultOptions);
    var stored = JsonSerializer.Deserialize<List<ChatMessage>>(json, AIJsonUtilities.DefaultOptions)!;
    var fromMemory = await SendsAsync(history, type);
    var fromStore = await SendsAsync(stored, type);
    Console.WriteLine($"{type,-18} {Said(fromMemory)} from memory, {Said(fromStore)} from JSON");
    same &= fromMemory && fromStore == kept;
}
return same ? 0 : 1;

static string Said(bool sent) => sent ? "sent" : "LOST";

async Task<bool> SendsAsync(List<ChatMessage> history, string type)
{
    await client.GetResponseAsync([.. history, new(ChatRole.User, "go on")]);
    return input?.Any(sent => sent?["type"]?.ToString() == type && sent["role"]?.ToString() != "user") == true;
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
