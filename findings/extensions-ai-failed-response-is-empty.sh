#!/usr/bin/env bash
# Package: Microsoft.Extensions.AI.OpenAI 10.11.0 with OpenAI 2.14.0 (NuGet), `ResponsesClient.AsIChatClient`.
# Guess:   A response with `status: "failed"` throws, or gives an ErrorContent with the server's message, as a refusal
#          and an `error` event do.
# Seen:    It gives an empty answer: no text, no error, no exception; streamed or not. It can not be told from a
#          completed response without output. The server's message is only in the raw object.
# Matters: A model server that fails in mid-answer looks like a model that has nothing to say. Retries, fallbacks and
#          alarms do not start. A server that knows the failure before its first byte helps with an HTTP error status.
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
using System.ClientModel.Primitives;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using OpenAI;

var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
var app = builder.Build();
var answer = "";
app.MapPost("/v1/responses", async (HttpContext context) =>
{
    var body = await JsonNode.ParseAsync(context.Request.Body);
    var streamed = body?["stream"]?.GetValue<bool>() == true;
    context.Response.ContentType = streamed ? "text/event-stream" : "application/json";
    await context.Response.WriteAsync(streamed ? Answers.Stream(answer) : Answers.Whole(answer));
});
await app.StartAsync();
var endpoint = new Uri(app.Urls.First() + "/v1");
var options = new OpenAIClientOptions { Endpoint = endpoint, RetryPolicy = new ClientRetryPolicy(0) };
var client = new OpenAIClient(new ApiKeyCredential("none"), options).GetResponsesClient().AsIChatClient("m");
var rows = new (string Answer, bool Streamed, string Expected)[]
{
    ("completed", false, "text \"\", error \"none\""),
    ("refusal", false, "text \"\", error \"no\""),
    ("error event", true, "text \"\", error \"broken\""),
    ("failed", false, "text \"\", error \"none\""),
    ("failed", true, "text \"\", error \"none\""),
};
var same = true;
foreach (var (name, streamed, expected) in rows)
{
    answer = name;
    var seen = await AskAsync(streamed);
    Console.WriteLine($"{name,-12} {(streamed ? "streamed" : "whole"),-9} {seen}");
    same &= seen == expected;
}
return same ? 0 : 1;

async Task<string> AskAsync(bool streamed)
{
    try
    {
        var response = streamed
            ? await client.GetStreamingResponseAsync("q").ToChatResponseAsync()
            : await client.GetResponseAsync("q");
        var error = response.Messages.SelectMany(message => message.Contents).OfType<ErrorContent>().FirstOrDefault();
        return $"text \"{response.Text}\", error \"{error?.Message ?? "none"}\"";
    }
    catch (Exception exception)
    {
        return $"throws {exception.GetType().Name}";
    }
}

internal static class Answers
{
    public static string Whole(string name)
    {
        var refusal = """
            {"id":"msg_1","type":"message","role":"assistant","status":"completed",
             "content":[{"type":"refusal","refusal":"no"}]}
            """;
        return $$"""
            {"id":"resp_1","object":"response","created_at":1700000000,"model":"m","parallel_tool_calls":true,
             "status":"{{(name == "failed" ? "failed" : "completed")}}","tools":[],"tool_choice":"auto","metadata":{},
             "error":{{(name == "failed" ? """{"code":"server_error","message":"broken"}""" : "null")}},
             "incomplete_details":null,"output":[{{(name == "refusal" ? refusal : "")}}]}
            """;
    }

    public static string Stream(string name)
    {
        var end = name == "failed"
            ? $$"""{"type":"response.failed","sequence_number":1,"response":{{Whole(name)}}}"""
            : """{"type":"error","sequence_number":1,"code":"server_error","message":"broken","param":null}""";
        var begin = Whole("completed").Replace("\"completed\"", "\"in_progress\"");
        var created = $$"""{"type":"response.created","sequence_number":0,"response":{{begin}}}""";
        return Frame(created) + Frame(end);
    }

    private static string Frame(string json)
    {
        var type = JsonNode.Parse(json)?["type"];
        return $"event: {type}\ndata: {json.ReplaceLineEndings(" ")}\n\n";
    }
}
CS
dotnet build --nologo -v quiet -o out > build.txt || { cat build.txt; exit 2; }
timeout 50 dotnet out/seen.dll
