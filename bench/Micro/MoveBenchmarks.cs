using System.Buffers;
using BenchmarkDotNet.Attributes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Demo;

namespace Evergrain.Micro;

/// <summary>
/// What a warm move costs: a conversation of turns of two items of 2,000 bytes, rendered, written and taken over.
/// </summary>
public class MoveBenchmarks
{
    private readonly ArrayBufferWriter<byte> _output = new();
    private ModelCatalog _models = null!;
    private MicroConversation _conversation = null!;
    private byte[] _snapshot = [];

    /// <summary>Items of history.</summary>
    [Params(500, 5_000)]
    public int History { get; set; }

    /// <summary>Whose rendering moves with it: the demo's is the items themselves, the one of chat is not.</summary>
    [Params("demo", "chat")]
    public string Rendering { get; set; } = "demo";

    [GlobalSetup]
    public void SetUp()
    {
        _models = new ModelCatalog([Rendering == "chat"
            ? new ChatTurnBenchmarks.Backend(ChatTurnBenchmarks.NewApi())
            : new DemoBackend(["demo"], TimeProvider.System)]);
        _conversation = new MicroConversation(_models);
        for (var i = 0; i < History; i += 2)
        {
            _conversation.Start(_conversation.Create(2, generate: false));
        }

        Dehydrate();
        _snapshot = _output.WrittenSpan.ToArray();
        Console.WriteLine($"// {History} items, {Rendering}: {_snapshot.Length:N0} bytes");
    }

    /// <summary>Writes all of it into a buffer that is large enough.</summary>
    [Benchmark]
    public int Dehydrate()
    {
        _output.ResetWrittenCount();
        _conversation.Dehydrate(_output);
        return _output.WrittenCount;
    }

    /// <summary>Takes all of it over.</summary>
    [Benchmark]
    public Conversation Rehydrate() => MicroConversation.Rehydrate(_snapshot, _models);
}
