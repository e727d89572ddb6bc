using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

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
    private bool _isDocument;
    private bool _hasEvent;
    private bool _isComplete;

    public ServerTry(ModelServer server, Upstream upstream, IEventDecoder decoder, CallClock clock)
    {
        (_server, Upstream, _decoder, Clock) = (server, upstream, decoder, clock);
        clock.Start(CallWait.FirstByte, server.Options.FirstTokenTimeout);
    }

    public Upstream Upstream { get; }

    public CallClock Clock { get; }

    /// <summary>The trace that the request belongs to.</summary>
    public TraceContext Trace { get; init; }

    /// <summary>The connection that the request went over; null where it was not sent.</summary>
    public ConnectionUse? Connection { get; private set; }

    /// <summary>Whether the head of an answer has come.</summary>
    public bool IsAnswering => _answer is not null;

    /// <summary>Sends the request and waits for the first byte of an answer, which says what the answer is.</summary>
    /// <param name="body">The request's body.</param>
    /// <param name="isNew">Whether the connection must be a new one.</param>
    /// <exception cref="UpstreamException">The server answered something else.</exception>
    public async Task OpenAsync(RequestBody body, bool isNew)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Upstream.At(_server.Api.Path))
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new BodyContent(body, _server.Services.Time, _server.Services.Instruments),
        };
        request.Headers.Accept.Add(EventStream);
        TraceHeaders.Add(request, Trace);
        Connection = CallConnection.Use();
        _response = await _server.Connections.SendAsync(request, isNew, Clock.Token);
        _bytes = await _response.Content.ReadAsStreamAsync(Clock.Token);
        if (_response.StatusCode != HttpStatusCode.OK)
        {
            throw new UpstreamException(await ReadRefusalAsync());
        }

        // Servers are not careful with the content type: the first byte tells a document from events.
        _answer = new AnswerStream(_bytes, Clock, _server.Options);
        _isDocument = await _answer.FirstAsync(Clock.Token) is (byte)'{' or (byte)'[';
        _events = _isDocument
            ? null
            : SseParser.Create(_answer, Decode).EnumerateAsync(Clock.Token).GetAsyncEnumerator(Clock.Token);
    }

    /// <summary>Waits for the next model events and adds them.</summary>
    /// <returns>False where the answer is over; what was still due has been added.</returns>
    /// <exception cref="FormatException">The server sent what its API does not have.</exception>
    /// <exception cref="UpstreamException">The server sent an error, or nothing that is an answer.</exception>
    public async ValueTask<bool> ReadAsync(List<ModelEvent> events)
    {
        if (_isDocument)
        {
            await ReadDocumentAsync(events);
            return false;
        }

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

        if (!_hasEvent)
        {
            throw new UpstreamException(UpstreamFault.NoEvent(ContentType));
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

    private string? ContentType => _response!.Content.Headers.ContentType?.MediaType;

    // Runs inside the parser, while the bytes are there. True at [DONE].
    private bool Decode(string type, ReadOnlySpan<byte> data)
    {
        _hasEvent |= !data.IsEmpty;
        if (data.Trim(" \t"u8).SequenceEqual("[DONE]"u8))
        {
            return true;
        }

        try
        {
            if (!data.IsEmpty)
            {
                _decoder.Read(data, _decoded);
            }
        }
        catch (FormatException) when (_answer!.IsOver)
        {
            // The stream ended within its last event: the answer is cut, not malformed.
        }

        return false;
    }

    private async Task ReadDocumentAsync(List<ModelEvent> events)
    {
        var (json, isWhole) = await BoundedRead.ReadAsync(_answer!, AnswerStream.EventBytesMax, Clock.Token);
        if (!isWhole)
        {
            throw new InvalidDataException($"it is longer than {AnswerStream.EventBytesMax} bytes.");
        }

        if (UpstreamRefusal.Find(_response!, json, _server.Services.Time.GetUtcNow()) is { } fault)
        {
            throw new UpstreamException(fault);
        }

        _decoder.ReadWhole(json.Span, events);
        _decoder.Finish(isMarked: true, events);
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
