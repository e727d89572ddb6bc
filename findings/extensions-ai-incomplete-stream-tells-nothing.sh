#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI.OpenAI 10.11.0 with OpenAI 2.14.0 (NuGet), `ResponsesClient.AsIChatClient`.
# Guess:   The finish reason and the usage of an answer are the same, streamed or not: "stop" for a whole answer,
#          "length" at the output limit.
# Seen:    Streamed, an incomplete answer has neither a finish reason nor a usage. Not streamed, it has both. A
#          completed answer is the other way round: "stop" when streamed, and no finish reason when not.
# Matters: No reason means "whole" in one mode and "cut" in the other, so a check for "length" misses every streamed
#          answer that was cut. The tokens of these answers are missing in the bill.
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
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using OpenAI.Responses;

static int FreePort()
{
    using var probe = new TcpListener(IPAddress.Loopback, 0);
    probe.Start();
    return ((IPEndPoint)probe.LocalEndpoint).Port;
}

var url = $"http://127.0.0.1:{FreePort()}/";
using var listener = new HttpListener();
listener.Prefixes.Add(url);
listener.Start();
Func<JsonNode, string> answer = _ => "";
var requests = new List<JsonNode>();
_ = Task.Run(async () =>
{
    while (true)
    {
        var context = await listener.GetContextAsync();
        var body = JsonNode.Parse(await new StreamReader(context.Request.InputStream).ReadToEndAsync())!;
        requests.Add(body);
        var streamed = (bool?)body["stream"] == true;
        context.Response.ContentType = streamed ? "text/event-stream" : "application/json";
        await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(answer(body)));
        context.Response.Close();
    }
});

var number = 0;
string Event(string type, string fields) =>
    $$"""data: {"type":"response.{{type}}","sequence_number":{{number++}},{{fields}}}""" + "\n\n";
string Whole(string output, string status, string reason) => $$"""
    {"id":"resp_1","object":"response","created_at":1700000000,"status":"{{status}}","error":null,"model":"m",
    "incomplete_details":{{(status == "incomplete" ? $$"""{"reason":"{{reason}}"}""" : "null")}},
    "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":0},
    "output_tokens":5,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":15},
    "output":[{{output}}],"tools":[],"tool_choice":"auto","parallel_tool_calls":true}
    """.ReplaceLineEndings("");

string Message(string text, string status) => $$"""
    {"type":"message","id":"msg_1","status":"{{status}}","role":"assistant",
    "content":[{"type":"output_text","text":"{{text}}","annotations":[],"logprobs":[]}]}
    """.ReplaceLineEndings("");
string TextAnswer(JsonNode body, string text, string status, string reason = "")
{
    var item = Message(text, status);
    var whole = Whole(item, status, reason);
    if ((bool?)body["stream"] != true)
        return whole;
    const string at = "\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0";
    return Event("created", $"\"response\":{Whole("", "in_progress", "")}")
        + Event("output_item.added", $"\"output_index\":0,\"item\":{Message("", "in_progress")}")
        + Event("output_text.delta", $"{at},\"logprobs\":[],\"delta\":\"{text}\"")
        + Event("output_text.done", $"{at},\"logprobs\":[],\"text\":\"{text}\"")
        + Event("output_item.done", $"\"output_index\":0,\"item\":{item}")
        + Event(status, $"\"response\":{whole}");
}

var same = true;
void Check(string name, string seen, string expected)
{
    Console.WriteLine($"{name,-20} {seen}");
    if (seen != expected)
        Console.WriteLine($"{"",-20} expected: {expected}");
    same &= seen == expected;
}

var endpoint = new ResponsesClientOptions { Endpoint = new Uri(url + "v1") };
var chat = new ResponsesClient(new ApiKeyCredential("none"), endpoint).AsIChatClient("m");
async Task<string> Run(string status, string reason, bool streamed)
{
    answer = body => TextAnswer(body, "half", status, reason);
    var response = streamed
        ? await chat.GetStreamingResponseAsync("q").ToChatResponseAsync()
        : await chat.GetResponseAsync("q");
    var tokens = response.Usage?.OutputTokenCount?.ToString() ?? "none";
    return $"\"{response.Text}\", reason {response.FinishReason?.Value ?? "none"}, tokens {tokens}";
}

Check("whole, completed", await Run("completed", "", false), "\"half\", reason none, tokens 5");
Check("whole, length", await Run("incomplete", "max_output_tokens", false), "\"half\", reason length, tokens 5");
Check("whole, filter", await Run("incomplete", "content_filter", false), "\"half\", reason content_filter, tokens 5");
Check("streamed, completed", await Run("completed", "", true), "\"half\", reason stop, tokens 5");
Check("streamed, length", await Run("incomplete", "max_output_tokens", true), "\"half\", reason none, tokens none");
Check("streamed, filter", await Run("incomplete", "content_filter", true), "\"half\", reason none, tokens none");
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 40 dotnet out/seen.dll
