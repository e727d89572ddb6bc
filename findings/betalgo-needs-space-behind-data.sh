#!/usr/bin/env bash
# Package: Betalgo.Ranul.OpenAI 9.2.6 (NuGet), streamed chat completions. OpenAI 2.15.0 for comparison.
# Guess:   `data:{…}` is read like `data: {…}`. The standard for event streams says that the space may be missing.
# Seen:    Without the space the loop ends at once: no text, no part, no error. Comments, event names and CRLF are
#          read rightly. The OpenAI package reads both forms.
# Matters: Some event stream libraries of servers and proxies write no space. Users then get an empty answer with
#          status 200, and nothing in the log. A server helps with the space.
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
    <PackageReference Include="OpenAI" Version="[2.15.0]" />
    <PackageReference Include="Betalgo.Ranul.OpenAI" Version="[9.2.6]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.ClientModel;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Betalgo.Ranul.OpenAI;
using Betalgo.Ranul.OpenAI.Managers;
using Betalgo.Ranul.OpenAI.ObjectModels.RequestModels;
using OpenAI;
using OpenAI.Chat;

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

var same = true;
void Check(string name, string seen, string expected)
{
    Console.WriteLine($"{name,-21} {seen}");
    if (seen != expected)
        Console.WriteLine($"{"",-21} expected: {expected}");
    same &= seen == expected;
}

string Chunk(string delta, string finish) => $$"""
    {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m",
    "choices":[{"index":0,"delta":{{delta}},"finish_reason":{{finish}}}]}
    """.ReplaceLineEndings("");
var data = new[] { Chunk("""{"role":"assistant","content":"hello"}""", "null"), Chunk("{}", "\"stop\""), "[DONE]" };
string Stream(string before, string end) => string.Concat(data.Select(one => $"{before}{one}{end}{end}"));

async Task<string> Official(string stream)
{
    answer = _ => stream;
    var options = new OpenAIClientOptions { Endpoint = new Uri(url + "v1") };
    var client = new ChatClient("m", new ApiKeyCredential("none"), options);
    var text = "";
    await foreach (var update in client.CompleteChatStreamingAsync("q"))
        text += string.Concat(update.ContentUpdate.Select(part => part.Text));
    return $"\"{text}\"";
}

async Task<string> Other(string stream)
{
    answer = _ => stream;
    var service = new OpenAIService(new OpenAIOptions { ApiKey = "none", BaseDomain = url });
    var request = new ChatCompletionCreateRequest
    {
        Model = "m", Messages = [Betalgo.Ranul.OpenAI.ObjectModels.RequestModels.ChatMessage.FromUser("q")],
    };
    var (text, parts) = ("", 0);
    await foreach (var part in service.ChatCompletion.CreateCompletionAsStream(request))
    {
        parts++;
        text += part.Successful ? part.Choices?.FirstOrDefault()?.Message?.Content : $" error {part.Error?.Message}";
    }
    return $"\"{text}\", parts {parts}";
}

Check("Betalgo, space", await Other(Stream("data: ", "\n")), "\"hello\", parts 2");
Check("Betalgo, comments", await Other(Stream(": ping\n\ndata: ", "\n")), "\"hello\", parts 2");
Check("Betalgo, names, CRLF", await Other(Stream("event: message\r\ndata: ", "\r\n")), "\"hello\", parts 2");
Check("Betalgo, no space", await Other(Stream("data:", "\n")), "\"\", parts 0");
Check("OpenAI, no space", await Official(Stream("data:", "\n")), "\"hello\"");
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 40 dotnet out/seen.dll
