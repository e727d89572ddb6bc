using System.Text.Json;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Transports;

/// <summary>One client of a server, over one of the ways in which a turn can be run.</summary>
public interface ITurnTransport : IDisposable
{
    /// <summary>Whether a turn's events can be seen.</summary>
    bool HasEvents { get; }

    /// <summary>Runs a create, a JSON object without a <c>type</c>, to its end.</summary>
    Task<TurnResult> RunAsync(string create);

    /// <summary>Begins a create that is stored; gives its response's id while it runs, and its end.</summary>
    Task<(string Id, Task<TurnResult> Ended)> BeginAsync(string create);

    /// <summary>Cancels a response.</summary>
    Task CancelAsync(string id);
}

/// <summary>How a turn ended, in the words that all transports share.</summary>
public sealed record TurnResult
{
    /// <summary>Its events; empty where they cannot be seen.</summary>
    public IReadOnlyList<JsonElement> Events { get; init; } = [];

    /// <summary>The response object at the end; null if there was only an error.</summary>
    public JsonElement? Response { get; init; }

    /// <summary>The error that came instead of a response: its status and its members.</summary>
    public (int Status, JsonElement Error)? Refused { get; init; }

    public string Id => Ended.GetProperty("id").GetString()!;

    public string Status => Ended.GetProperty("status").GetString()!;

    public string Text => string.Concat(Ended.GetProperty("output").EnumerateArray()
        .Where(item => item.GetProperty("type").ValueEquals("message"u8))
        .SelectMany(item => item.GetProperty("content").EnumerateArray())
        .Select(part => part.GetProperty("text").GetString()));

    /// <summary>What a response or an error says of its failure.</summary>
    public string? FailureCode => (Refused?.Error ?? Ended.GetProperty("error")).GetProperty("code").GetString();

    public JsonElement Ended => Response ?? throw new InvalidOperationException($"Refused: {Refused}");

    /// <summary>The result of events that end with a terminal event or an error.</summary>
    public static TurnResult Of(IReadOnlyList<JsonElement> events)
    {
        var last = events[^1];
        return last.TypeOf() == "error"
            ? new TurnResult { Refused = (last.StatusOf(), last.GetProperty("error")) }
            : new TurnResult { Events = events, Response = last.GetProperty("response") };
    }

    /// <summary>Fails unless this is an error of a kind.</summary>
    public void AssertRefused(int status, string code, string? param)
    {
        Assert.True(Refused is not null, $"not refused: {Response}");
        var (actual, error) = Refused.Value;
        Assert.Equal((status, code, param),
            (actual, error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
        Assert.NotEmpty(error.GetProperty("message").GetString()!);
        Assert.NotEmpty(error.GetProperty("type").GetString()!);
    }
}

/// <summary>Creates as tests write them.</summary>
public static class Creates
{
    /// <summary>A create whose model output is scripted, as the demo model reads it.</summary>
    public static string Of(string script, string more = "")
    {
        var text = JsonSerializer.Serialize($"go\n@@script {script}");
        return $$"""{"model":"demo","input":[{"role":"user","content":{{text}}}]{{more}}}""";
    }

    /// <summary>A create that continues a response with items.</summary>
    public static string Next(string parent, string input, string more = "") =>
        $$"""{"model":"demo","previous_response_id":"{{parent}}","input":{{input}}{{more}}}""";
}
