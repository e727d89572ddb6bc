#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI.OpenAI 10.11.0 with OpenAI 2.15.0 (NuGet). The first asks for OpenAI 2.14.0 or newer.
# Guess:   A newer minor version of a dependency fits: NuGet restores it without a warning.
# Seen:    `GetResponseAsync` works. `GetStreamingResponseAsync` throws MissingMethodException at its first use,
#          because OpenAI 2.15.0 changed the return type of `CreateResponseStreamingAsync`. With 2.14.0 both work.
# Matters: A project that uses the OpenAI package besides, and keeps it new, loses streaming through the other package.
#          Nothing shows it before the first streamed answer.
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
    <NoWarn>OPENAI001;MEAI001</NoWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.Extensions.AI.OpenAI" Version="[10.11.0]" />
    <PackageReference Include="OpenAI" Version="[$(OpenAiVersion)]" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.ClientModel;
using System.Net;
using System.Text;
using Microsoft.Extensions.AI;
using OpenAI.Responses;

const string Whole = """
    {"id":"resp_1","object":"response","created_at":1700000000,"status":"completed","model":"m",
    "output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant",
    "content":[{"type":"output_text","text":"hello","annotations":[]}]}],"tools":[],"tool_choice":"auto"}
    """;
const string Delta = """
    {"type":"response.output_text.delta","sequence_number":0,"item_id":"msg_1","output_index":0,
    "content_index":0,"delta":"hello"}
    """;
var port = Random.Shared.Next(20000, 30000);
using var listener = new HttpListener();
listener.Prefixes.Add($"http://127.0.0.1:{port}/");
listener.Start();
_ = Task.Run(async () =>
{
    for (var requests = 0; requests < 10; requests++)
    {
        var context = await listener.GetContextAsync();
        var body = await new StreamReader(context.Request.InputStream).ReadToEndAsync();
        var streamed = body.Contains("\"stream\":true");
        context.Response.ContentType = streamed ? "text/event-stream" : "application/json";
        var completed = $$"""{"type":"response.completed","sequence_number":1,"response":{{Whole}}}""";
        var line = (string json) => $"data: {json.ReplaceLineEndings("")}\n\n";
        var text = streamed ? line(Delta) + line(completed) : Whole;
        await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(text));
        context.Response.Close();
    }
});
var credential = new ApiKeyCredential("none");
var options = new ResponsesClientOptions { Endpoint = new Uri($"http://127.0.0.1:{port}/v1") };
var chat = new ResponsesClient(credential, options).AsIChatClient("m");

async Task<string> Streamed()
{
    var text = "";
    await foreach (var update in chat.GetStreamingResponseAsync("q"))
        text += update.Text;
    return text;
}

async Task<string> Tell(Func<Task<string>> read)
{
    try
    {
        return await read();
    }
    catch (MissingMethodException)
    {
        return "throws MissingMethodException";
    }
}

var whole = await Tell(async () => (await chat.GetResponseAsync("q")).Text);
var streamed = await Tell(Streamed);
Console.WriteLine($"OpenAI {args[0]}: whole answer {whole}, streamed answer {streamed}");
var expected = args[0] == "2.15.0" ? "throws MissingMethodException" : "hello";
return whole == "hello" && streamed == expected ? 0 : 1;
CS
for version in 2.14.0 2.15.0; do
  dotnet build --nologo -v quiet "-p:OpenAiVersion=$version" -o out > build.txt || { cat build.txt; exit 2; }
  timeout 25 dotnet out/seen.dll "$version"
  rm -rf obj out
done
