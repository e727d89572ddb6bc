using System.Diagnostics.Metrics;
using System.Text;
using BenchmarkDotNet.Attributes;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Chat;
using Evergrain.Providers.Dialects;
using Evergrain.Providers.Servers;
using Microsoft.Extensions.Logging.Abstractions;

namespace Evergrain.Micro;

/// <summary>
/// A whole turn in front of a chat-completions server with neither network nor the copy of the context: the create, the
/// request's head and tail, the answer's ten deltas as chunks, the end. What is left must not grow with the history.
/// </summary>
public class ChatTurnBenchmarks
{
    private const int Deltas = 10;
    private static readonly byte[] Chunk = Encoding.UTF8.GetBytes(
        """{"id":"c","choices":[{"index":0,"delta":{"content":"some twenty bytes. "},"finish_reason":null}]}""");

    private static readonly byte[] Last = Encoding.UTF8.GetBytes(
        """{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}""");

    private readonly ChatApi _api = NewApi();

    private readonly List<ModelEvent> _events = [];
    private MicroConversation _conversation = null!;
    private byte[] _create = [];

    /// <summary>Items of history.</summary>
    [Params(10, 1_000, 10_000)]
    public int History { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _conversation = new MicroConversation(new ModelCatalog([new Backend(_api)]));
        _conversation.Start(_conversation.Create(History, generate: false));
        _create = _conversation.Create(1, generate: true);
    }

    /// <summary>One turn, always behind the same parent.</summary>
    [Benchmark]
    public long Turn()
    {
        var turn = _conversation.Start(_create);
        var call = _conversation.Call!;
        var body = _api.Write(call);
        var decoder = _api.Decode(call);
        _events.Clear();
        for (var i = 0; i < Deltas; i++)
        {
            decoder.Read(Chunk, _events);
        }

        decoder.Read(Last, _events);
        decoder.Finish(isMarked: true, _events);
        foreach (var model in _events)
        {
            _conversation.Say(turn, model);
        }

        _conversation.Settle();
        return body.Head.Length + body.Context.Bytes + body.Tail.Length;
    }

    internal static ChatApi NewApi() =>
        new("bench", KnownDialects.Plain, new ChatInstruments(new Meters(), NullLogger<ChatInstruments>.Instance));

    internal sealed class Backend(ChatApi api) : IModelBackend
    {
        public string Rendering => api.Rendering;

        public IReadOnlyList<string> Models { get; } = ["demo"];

        public IStateCodec States => api.States;

        public bool Serves(string model) => true;

        public Rendered Render(Item item, object? state) => api.Render(item, state);

        public IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call, CancellationToken cancellationToken) =>
            throw new NotSupportedException("The benchmark plays the model.");
    }

    private sealed class Meters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options);

        public void Dispose()
        {
            // Its meter lives as long as the process.
        }
    }
}
