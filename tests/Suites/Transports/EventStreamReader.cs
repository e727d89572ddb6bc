using System.Text.Json;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Transports;

/// <summary>Reads server-sent events strictly: what no client could misread is all that passes.</summary>
public sealed class EventStreamReader : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TestServer.Patience);
    private readonly HttpResponseMessage _answer;
    private readonly StreamReader _lines;

    private EventStreamReader(HttpResponseMessage answer, Stream body) =>
        (_answer, _lines) = (answer, new StreamReader(body));

    /// <summary>Comments seen so far.</summary>
    public int Comments { get; private set; }

    public static async Task<EventStreamReader> OpenAsync(HttpResponseMessage answer)
    {
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}");
        Assert.Equal("text/event-stream; charset=utf-8", answer.Content.Headers.ContentType?.ToString());
        Assert.Equal("no-cache", answer.Headers.CacheControl?.ToString());
        Assert.Equal("no", answer.Headers.GetValues("X-Accel-Buffering").Single());
        return new EventStreamReader(answer, await answer.Content.ReadAsStreamAsync());
    }

    /// <summary>The next event; null for <c>[DONE]</c>, behind which there must be nothing.</summary>
    public async Task<JsonElement?> ReadAsync()
    {
        var line = await LineAsync();
        while (line == ": keepalive")
        {
            Comments++;
            Assert.Equal("", await LineAsync());
            line = await LineAsync();
        }

        if (line == "data: [DONE]")
        {
            Assert.Equal("", await LineAsync());
            Assert.Null(await LineAsync());
            return null;
        }

        Assert.StartsWith("event: ", line, StringComparison.Ordinal);
        var data = await LineAsync();
        Assert.StartsWith("data: ", data, StringComparison.Ordinal);
        Assert.Equal("", await LineAsync());
        var json = JsonDocument.Parse(data![6..]).RootElement;
        Assert.Equal(line![7..], json.TypeOf());
        return json;
    }

    /// <summary>All events up to <c>[DONE]</c>.</summary>
    public async Task<List<JsonElement>> ReadToEndAsync()
    {
        var events = new List<JsonElement>();
        while (await ReadAsync() is { } next)
        {
            events.Add(next);
        }

        return events;
    }

    public void Dispose()
    {
        _answer.Dispose();
        _lines.Dispose();
        _patience.Dispose();
    }

    private async Task<string?> LineAsync() => await _lines.ReadLineAsync(_patience.Token);
}
