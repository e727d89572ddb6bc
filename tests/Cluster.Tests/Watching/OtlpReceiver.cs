using System.Collections.Concurrent;
using System.Text;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Cluster.Tests.Watching;

/// <summary>A collector on loopback that keeps the spans that it gets, over HTTP as protobuf.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    /// <summary>Where metrics come in.</summary>
    public const string MetricsPath = "/v1/metrics";

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedSpan> _spans = new();
    private readonly ConcurrentQueue<(string Path, string Text)> _bodies = new();

    private int _metrics;

    private OtlpReceiver(WebApplication app) => _app = app;

    /// <summary>Where it listens.</summary>
    public string Url => _app.Urls.First();

    /// <summary>Exports of metrics so far.</summary>
    public int Metrics => _metrics;

    /// <summary>The spans so far.</summary>
    public IReadOnlyCollection<ReceivedSpan> Spans => _spans;

    /// <summary>Whether a text came in, at one path or at any.</summary>
    public bool Received(string text, string? path = null) => _bodies.Any(body =>
        (path is null || body.Path == path) && body.Text.Contains(text, StringComparison.Ordinal));

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.Run(receiver.TakeAsync);
        await receiver._app.StartAsync();
        return receiver;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        _bodies.Enqueue((context.Request.Path, Encoding.UTF8.GetString(body.ToArray())));
        if (context.Request.Path == MetricsPath)
        {
            Interlocked.Increment(ref _metrics);
        }
        else
        {
            Assert.Equal("/v1/traces", context.Request.Path);
            ReceivedSpan.Read(body.ToArray()).ToList().ForEach(_spans.Enqueue);
        }

        context.Response.ContentType = "application/x-protobuf";
    }
}

/// <summary>A span as it came.</summary>
internal sealed record ReceivedSpan(
    string Scope, string Name, string Trace, string Id, string Parent, IReadOnlyDictionary<string, string> Attributes)
{
    // Source: opentelemetry/proto, trace/v1/trace.proto and common/v1/common.proto: the numbers of fields.
    private const int ResourceSpans = 1, ScopeSpans = 2, ScopeOf = 1, SpansOf = 2, ScopeName = 1;
    private const int TraceId = 1, SpanId = 2, ParentId = 4, SpanName = 5, SpanAttributes = 9;
    private const int Key = 1, Value = 2, StringValue = 1;

    /// <summary>Reads the body of an export.</summary>
    public static IEnumerable<ReceivedSpan> Read(byte[] export) =>
        from resource in Message.Read(export).All(ResourceSpans)
        from scope in Message.Read(resource).All(ScopeSpans)
        let inner = Message.Read(scope)
        let name = Message.Read(inner.All(ScopeOf).Single()).Text(ScopeName)
        from span in inner.All(SpansOf)
        select Of(name, Message.Read(span));

    private static ReceivedSpan Of(string scope, Message span) => new(scope, span.Text(SpanName),
        span.Hex(TraceId), span.Hex(SpanId), span.Hex(ParentId),
        span.All(SpanAttributes).Select(Message.Read).ToDictionary(static pair => pair.Text(Key),
            static pair => Message.Read(pair.All(Value).Single()).Text(StringValue), StringComparer.Ordinal));

    /// <summary>The fields of a message that have bytes; numbers are left out.</summary>
    private sealed class Message
    {
        private readonly List<(int Field, byte[] Bytes)> _fields = [];

        public static Message Read(byte[] bytes)
        {
            var message = new Message();
            using var input = new CodedInputStream(bytes);
            while (input.ReadTag() is var tag and not 0)
            {
                if (WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
                {
                    message._fields.Add((WireFormat.GetTagFieldNumber(tag), input.ReadBytes().ToByteArray()));
                }
                else
                {
                    input.SkipLastField();
                }
            }

            return message;
        }

        public IEnumerable<byte[]> All(int field) =>
            _fields.Where(entry => entry.Field == field).Select(static entry => entry.Bytes);

        public string Text(int field) => Encoding.UTF8.GetString(All(field).SingleOrDefault([]));

        public string Hex(int field) => Convert.ToHexStringLower(All(field).SingleOrDefault([]));
    }
}
