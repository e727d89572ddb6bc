#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI 10.11.0 with Microsoft.Extensions.AI.OpenAI 10.11.0 and OpenAI 2.14.0 (NuGet), the
#          function-invoking chat client, nothing stored.
# Guess:   With `store: false` a tool call goes back as the model wrote it, streamed or not.
# Seen:    Not streamed it goes back byte for byte, with its id and status. Streamed it is written anew, with line
#          breaks and indents, and without id and status. Arguments that were cut become `null`.
# Matters: The second request of a streamed loop differs from what the model wrote, so prefix caches end at the first
#          call. A model reads its own calls in a form that it never uses, and learns it. Without `store: false` only
#          the output is sent.
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
    Console.WriteLine($"{name,-14} {seen}");
    if (seen != expected)
        Console.WriteLine($"{"",-14} expected: {expected}");
    same &= seen == expected;
}

bool Answered(JsonNode body) => body["input"]!.AsArray().Any(item => (string?)item!["type"] == "function_call_output");
var endpoint = new ResponsesClientOptions { Endpoint = new Uri(url + "v1") };
var responses = new ResponsesClient(new ApiKeyCredential("none"), endpoint);
IChatClient Create() => responses.AsIChatClient("m").AsBuilder().UseFunctionInvocation().Build();

async Task<string> Run(string arguments, string status, bool streamed)
{
    answer = body => Answered(body) ? TextAnswer(body, "ok", "completed") : CallAnswer(body, arguments, status);
    requests.Clear();
    var options = new ChatOptions
    {
        Tools = [AIFunctionFactory.Create((string? dir = null) => "files", "list")],
        RawRepresentationFactory = _ => new CreateResponseOptions { StoredOutputEnabled = false },
    };
    var chat = Create();
    if (streamed)
        await chat.GetStreamingResponseAsync("q", options).ToChatResponseAsync();
    else
        await chat.GetResponseAsync("q", options);
    var call = requests[1]["input"]!.AsArray().First(item => (string?)item!["type"] == "function_call")!;
    return $"{(string?)call["id"] ?? "no id"}, {((string?)call["arguments"])!.Replace("\n", "\\n")}";
}

const string Text = "{\"dir\":\"/tmp\"}";
const string Cut = "{\"dir\":\"/tm";
Check("whole", await Run(Text, "completed", false), $"fc_1, {Text}");
Check("whole, cut", await Run(Cut, "incomplete", false), $"fc_1, {Cut}");
Check("streamed", await Run(Text, "completed", true), "no id, {\\n  \"dir\": \"/tmp\"\\n}");
Check("streamed, cut", await Run(Cut, "incomplete", true), "no id, null");
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 40 dotnet out/seen.dll
