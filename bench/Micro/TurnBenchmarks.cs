using BenchmarkDotNet.Attributes;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Micro;

/// <summary>What the state machine alone costs: a turn's start, a turn's end, one event, a recovery.</summary>
public class TurnBenchmarks
{
    private static readonly ReadOnlyMemory<byte> Text = "The quick brown fox jump"u8.ToArray();
    private readonly MicroConversation _conversation = new();
    private readonly MicroConversation _streaming = new();
    private readonly MicroConversation _journal = new();
    private TurnId _turn;
    private int _deltas;

    /// <summary>Items of history behind which turns are started.</summary>
    [Params(10, 1_000)]
    public int History { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _conversation.Start(_conversation.Create(History, generate: false));
        for (var i = 0; i < History; i += 2)
        {
            _journal.Start(_journal.Create(2, generate: false));
        }

        Begin();
    }

    /// <summary>
    /// A stored turn of one item of 2,000 bytes and 18 KB of known tools, from its create to its last record.
    /// </summary>
    [Benchmark]
    public TurnId TurnWithoutOutput()
    {
        // The parent stays the same: forks, so that the history does not grow with the iterations.
        return _conversation.Start(_create ??= _conversation.Create(1, generate: false));
    }

    private byte[]? _create;

    /// <summary>One delta of 24 bytes, as an event in the log.</summary>
    [Benchmark]
    public void Delta()
    {
        const int deltasPerTurn = 10_000;
        if (++_deltas == deltasPerTurn)
        {
            Begin();
        }

        _streaming.Say(_turn, new ModelEvent(ModelEventKind.Delta) { Text = Text });
    }

    /// <summary>A conversation of <see cref="History"/> items opened from its journal.</summary>
    [Benchmark]
    public Conversation Recovery() => MicroConversation.Recover(_journal.Appends);

    private void Begin()
    {
        if (_deltas > 0)
        {
            _streaming.Say(_turn, new ModelEvent(ModelEventKind.Failed) { Code = "server_error", Message = "next" });
            _streaming.Settle();
        }

        _turn = _streaming.Start(_streaming.Create(1, generate: true));
        _streaming.Say(_turn, new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message });
        _streaming.Say(_turn, new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText });
        _deltas = 0;
    }
}
