using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Servers;

/// <summary>One request to one URL, and its answer while it streams.</summary>
internal sealed class ServerTry : IAsyncDisposable
{
    // What may stand behind the last event before the connection can be used again, and how long it may take.
    private const int RestBytesMax = 64 << 10;
    private static readonly TimeSpan RestTimeout = TimeSpan.FromSeconds(1);
    private static readonly MediaTypeWithQualityHeaderValue EventStream = new("text/event-stream");

    private readonly ModelServer _server;
    private readonly IEventDecoder _decoder;
    private HttpResponseMessage? _response;
    private Stream? _bytes;
    private AnswerStream? _answer;
    private IAsyncEnumerator<SseItem<bool>>? _events;
    private List<ModelEvent> _decoded = [];
    private bool _isComplete;

    public ServerTry(ModelServer server, Upstream upstream, IEventDecoder decoder, CallClock clock)
    {
        (_server, Upstream, _decoder, Clock) = (server, upstream, decoder, clock);
        clock.Start(CallWait.FirstEvent, server.Options.FirstTokenTimeout);
    }

    public Upstream Upstream { get; }

    public CallClock Clock { get; }

    /// <summary>Whether a status and a content type have come that an answer begins with.</summary>
    public bool IsAnswering => _events is not null;

    /// <summary>Sends the request and waits for the beginning of an answer.</summary>
    /// <exception cref="UpstreamException">The server answered something else.</exception>
    public async Task OpenAsync(RequestBody body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Upstream.At(_server.Api.Path))
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new BodyContent(body, _server.Services.Time, _server.Services.Instruments),
        };
        request.Headers.Accept.Add(EventStream);
        request.Headers.Authorization = _server.Authorization;
        _response = await _server.Http.SendAsync(request, Clock.Token);
        _bytes = await _response.Content.ReadAsStreamAsync(Clock.Token);
        var type = _response.Content.Headers.ContentType?.MediaType ?? EventStream.MediaType;
        if (_response.StatusCode != HttpStatusCode.OK || !EventStream.MediaType!.Equals(type, StringComparison.Ordinal))
        {
            throw new UpstreamException(await ReadRefusalAsync());
        }

        _answer = new AnswerStream(_bytes, Clock, _server.Options.IdleTimeout);
        _events = SseParser.Create(_answer, Decode).EnumerateAsync(Clock.Token).GetAsyncEnumerator(Clock.Token);
    }

    /// <summary>Waits for the next model events and adds them.</summary>
    /// <returns>False where the stream is over; what was still due has been added.</returns>
    /// <exception cref="FormatException">The server sent what its API does not have.</exception>
    public async ValueTask<bool> ReadAsync(List<ModelEvent> events)
    {
        _decoded = events;
        var hasEvent = await _events!.MoveNextAsync();
        while (hasEvent && !_events.Current.Data)
        {
            _answer!.EventRead();
            if (events.Count > 0)
            {
                _answer.Streaming();
                return true;
            }

            hasEvent = await _events.MoveNextAsync();
        }

        // The event that ends the loop is [DONE].
        _decoder.Finish(isMarked: hasEvent, events);
        return false;
    }

    /// <summary>The last model event was there: the connection is worth keeping.</summary>
    public void Complete() => _isComplete = true;

    /// <summary>Ends the request. An answer that is not complete ends with its connection, at once.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_isComplete)
            {
                Clock.Start(CallWait.Rest, RestTimeout);
                await BoundedRead.ReadAsync(_bytes!, RestBytesMax, Clock.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            // The connection is closed instead.
        }
        finally
        {
            if (_events is not null)
            {
                await _events.DisposeAsync();
            }

            _response?.Dispose();
            Clock.Dispose();
        }
    }

    // Runs inside the parser, while the bytes are there. True at [DONE].
    private bool Decode(string type, ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8))
        {
            return true;
        }

        if (!data.IsEmpty)
        {
            _decoder.Read(data, _decoded);
        }

        return false;
    }

    private async Task<UpstreamFault> ReadRefusalAsync()
    {
        Clock.Start(CallWait.Rest, RestTimeout);
        ReadOnlyMemory<byte> body = default;
        try
        {
            (body, _) = await BoundedRead.ReadAsync(_bytes!, UpstreamRefusal.BodyBytesMax, Clock.Token);
        }
        catch (Exception e) when (e is IOException or HttpRequestException || Clock.IsOver)
        {
            // The status says enough.
        }

        return UpstreamRefusal.Read(_response!, body, _server.Services.Time.GetUtcNow());
    }
}
