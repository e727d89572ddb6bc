using System.Text;
using System.Text.Json;

namespace Evergrain.Suites.Transports;

/// <summary>What tests ask of <c>/v1/chat/completions</c>.</summary>
public static class ChatRequests
{
    public const string Path = "/v1/chat/completions";

    private const string Done = "[DONE]";

    /// <summary>A request whose answer is scripted, as the demo model reads it.</summary>
    public static string Of(string script, string more = "") =>
        $$"""{"model":"demo","messages":[{{User(script)}}]{{more}}}""";

    /// <summary>A request with these messages.</summary>
    public static string With(string messages, string more = "") =>
        $$"""{"model":"demo","messages":[{{messages}}]{{more}}}""";

    /// <summary>A user's message with a script.</summary>
    public static string User(string script) =>
        $$"""{"role":"user","content":{{JsonSerializer.Serialize($"go\n@@script {script}")}}}""";

    public static JsonElement MessageOf(this JsonElement completion) =>
        completion.GetProperty("choices")[0].GetProperty("message");

    public static string? FinishOf(this JsonElement completion) =>
        completion.GetProperty("choices")[0].GetProperty("finish_reason").GetString();

    /// <summary>Posts a request; the answer's head has come, its body may still come.</summary>
    public static async Task<HttpResponseMessage> PostChatAsync(this HttpClient http, string request)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent(request, Encoding.UTF8, "application/json"),
        };
        return await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>Posts a request and reads its completion.</summary>
    public static async Task<JsonElement> ChatAsync(this HttpClient http, string request)
    {
        using var answer = await http.PostChatAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        return JsonDocument.Parse(text).RootElement;
    }

    /// <summary>Posts a request that is refused.</summary>
    public static async Task<TurnResult> RefusedChatAsync(this HttpClient http, string request)
    {
        using var answer = await http.PostChatAsync(request);
        return await HttpTurns.ReadAsync(answer);
    }

    /// <summary>Posts a request for a stream and reads its chunks, strictly, up to <c>[DONE]</c>.</summary>
    public static async Task<List<JsonElement>> ChunksAsync(this HttpClient http, string request)
    {
        using var answer = await http.PostChatAsync(request.With("stream"));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Equal("text/event-stream; charset=utf-8", answer.Content.Headers.ContentType?.ToString());
        Assert.EndsWith("\n\n", text, StringComparison.Ordinal);
        var lines = text[..^2].Split("\n\n");
        Assert.All(lines, static line => Assert.StartsWith("data: ", line, StringComparison.Ordinal));
        Assert.Equal(Done, lines[^1][6..]);
        return [.. lines[..^1].Select(static line => JsonDocument.Parse(line[6..]).RootElement)];
    }

    /// <summary>The texts that the deltas of chunks have of one member, put together.</summary>
    public static string Joined(this IEnumerable<JsonElement> chunks, string member) => string.Concat(chunks
        .SelectMany(static chunk => chunk.GetProperty("choices").EnumerateArray())
        .Select(choice => choice.GetProperty("delta").TryGetProperty(member, out var text) ? text.GetString() : null));
}
