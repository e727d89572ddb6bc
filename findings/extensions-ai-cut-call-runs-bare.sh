#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI 10.11.0 with Microsoft.Extensions.AI.OpenAI 10.11.0 and OpenAI 2.14.0 (NuGet), the
#          function-invoking chat client over the Responses API.
# Guess:   A call whose arguments were cut (the response is incomplete) does not run. The arguments are no JSON, and
#          the client knows it.
# Seen:    The function runs without any argument, if none is required. A required one makes it fail, and the model is
#          told only "Function failed". The client keeps the parse error in `FunctionCallContent.Exception` and does
#          not look at it. A whole call in an incomplete response runs too.
# Matters: A listing, a search or a clean-up with optional arguments runs over everything, where the model had begun
#          to name one folder. Look at `Exception` in a `FunctionInvoker` of your own, or make one argument required.
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

string Call(string arguments, string status) => $$"""
    {"type":"function_call","id":"fc_1","call_id":"call_1","name":"list","status":"{{status}}",
    "arguments":{{JsonSerializer.Serialize(arguments)}}}
    """.ReplaceLineEndings("");
string CallAnswer(JsonNode body, string arguments, string status)
{
    var item = Call(arguments, status);
    var whole = Whole(item, status, "max_output_tokens");
    if ((bool?)body["stream"] != true)
        return whole;
    const string at = "\"item_id\":\"fc_1\",\"output_index\":0";
    var text = JsonSerializer.Serialize(arguments);
    return Event("created", $"\"response\":{Whole("", "in_progress", "")}")
        + Event("output_item.added", $"\"output_index\":0,\"item\":{Call("", "in_progress")}")
        + Event("function_call_arguments.delta", $"{at},\"delta\":{text}")
        + Event("function_call_arguments.done", $"{at},\"name\":\"list\",\"arguments\":{text}")
        + Event("output_item.done", $"\"output_index\":0,\"item\":{item}")
        + Event(status, $"\"response\":{whole}");
}

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
    Console.WriteLine($"{name,-19} {seen}");
    if (seen != expected)
        Console.WriteLine($"{"",-19} expected: {expected}");
    same &= seen == expected;
}

bool Answered(JsonNode body) => body["input"]!.AsArray().Any(item => (string?)item!["type"] == "function_call_output");
var endpoint = new ResponsesClientOptions { Endpoint = new Uri(url + "v1") };
var responses = new ResponsesClient(new ApiKeyCredential("none"), endpoint);
IChatClient Create() => responses.AsIChatClient("m").AsBuilder().UseFunctionInvocation().Build();

async Task<string> Run(Delegate method, string arguments, bool streamed)
{
    answer = body => Answered(body) ? TextAnswer(body, "ok", "completed") : CallAnswer(body, arguments, "incomplete");
    requests.Clear();
    var options = new ChatOptions { Tools = [AIFunctionFactory.Create(method, "list")] };
    var chat = Create();
    var response = streamed
        ? await chat.GetStreamingResponseAsync("q", options).ToChatResponseAsync()
        : await chat.GetResponseAsync("q", options);
    var call = response.Messages[0].Contents.OfType<FunctionCallContent>().First();
    var known = call.Exception is null ? "no exception" : "an exception";
    var told = (string?)requests[1]["input"]!.AsArray().Last()!["output"];
    return $"told {told}, the call has {known}";
}

var optional = (string? dir = null) => $"files of {dir ?? "everything"}";
var required = (string dir) => $"files of {dir}";
const string Cut = "{\"dir\":\"/tm";
const string Full = "{\"dir\":\"/tmp\"}";
foreach (var streamed in new[] { false, true })
{
    var name = streamed ? "streamed" : "whole";
    Check($"{name}, not cut", await Run(optional, Full, streamed), "told \"files of /tmp\", the call has no exception");
    Check($"{name}, optional", await Run(optional, Cut, streamed),
        "told \"files of everything\", the call has an exception");
    Check($"{name}, required", await Run(required, Cut, streamed),
        "told Error: Function failed., the call has an exception");
}
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 40 dotnet out/seen.dll
