#!/usr/bin/env bash
# Package: OpenAI 2.15.0 (NuGet), `ChatClient.CompleteChatStreamingAsync`. Betalgo.Ranul.OpenAI 9.2.6 for comparison.
# Guess:   A stream of chat completions that ends with `data: {"error": …}` throws, as the openai packages for Node
#          do.
# Seen:    The error is an update without content, and the loop ends like that of a good answer. No exception, no
#          finish reason: only the missing finish reason tells. Betalgo's client gives the message of the error.
# Matters: The model servers of the field report a fault behind the first token in this way, as the status is sent
#          already. Users get half an answer as if it were whole. Treat a stream without finish reason as failed.
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
    Console.WriteLine($"{name,-15} {seen}");
    if (seen != expected)
        Console.WriteLine($"{"",-15} expected: {expected}");
    same &= seen == expected;
}

const string Error = """{"error":{"message":"the model stopped","type":"server_error","param":null,"code":null}}""";
string Chunk(string delta, string finish) => $$"""
    {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m",
    "choices":[{"index":0,"delta":{{delta}},"finish_reason":{{finish}}}]}
    """.ReplaceLineEndings("");
string Stream(params string[] data) => string.Concat(data.Append("[DONE]").Select(one => $"data: {one}\n\n"));
var half = Chunk("""{"role":"assistant","content":"half"}""", "null");
var good = Stream(half, Chunk("{}", "\"stop\""));
var bad = Stream(half, Error);

async Task<string> Official(string stream)
{
    answer = _ => stream;
    var options = new OpenAIClientOptions { Endpoint = new Uri(url + "v1") };
    var client = new ChatClient("m", new ApiKeyCredential("none"), options);
    var (text, reason) = ("", "none");
    try
    {
        await foreach (var update in client.CompleteChatStreamingAsync("q"))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            reason = update.FinishReason?.ToString() ?? reason;
        }
    }
    catch (Exception error)
    {
        return $"\"{text}\", throws {error.Message}";
    }
    return $"\"{text}\", finish reason {reason}";
}

async Task<string> Other(string stream)
{
    answer = _ => stream;
    var service = new OpenAIService(new OpenAIOptions { ApiKey = "none", BaseDomain = url });
    var request = new ChatCompletionCreateRequest
    {
        Model = "m", Messages = [Betalgo.Ranul.OpenAI.ObjectModels.RequestModels.ChatMessage.FromUser("q")],
    };
    var text = "";
    await foreach (var part in service.ChatCompletion.CreateCompletionAsStream(request))
    {
        if (!part.Successful)
            return $"\"{text}\", error {part.Error?.Message}";
        text += part.Choices?.FirstOrDefault()?.Message?.Content;
    }
    return $"\"{text}\"";
}

Check("OpenAI, good", await Official(good), "\"half\", finish reason Stop");
Check("OpenAI, error", await Official(bad), "\"half\", finish reason none");
Check("Betalgo, good", await Other(good), "\"half\"");
Check("Betalgo, error", await Other(bad), "\"half\", error the model stopped");
return same ? 0 : 1;
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 40 dotnet out/seen.dll
