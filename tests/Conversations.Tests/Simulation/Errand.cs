using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>One create and all that its clients know of it.</summary>
internal sealed class Errand
{
    public required int Number { get; init; }

    /// <summary>Its conversation; that of a history's turn, once the server found it.</summary>
    public required ConversationKey Key { get; set; }

    public required UInt128 RequestId { get; init; }

    public required bool IsKeyed { get; init; }

    public required bool IsStored { get; init; }

    public required bool IsBackground { get; init; }

    /// <summary>The turn it continues; null: none.</summary>
    public required Errand? Parent { get; set; }

    /// <summary>Whether the parent's end was known when the create was made, so that it answers its calls.</summary>
    public required bool KnowsParent { get; init; }

    /// <summary>The input items' JSON: those that its turn has.</summary>
    public required List<byte[]> Items { get; set; }

    /// <summary>The whole history that it brings along, new items included; null: it names its parent.</summary>
    public SentHistory? History { get; init; }

    /// <summary>Whether it brings its history along.</summary>
    public bool IsReplay => History is not null;

    /// <summary>Whether it asks <see cref="TwinAnswers.Question"/> alone.</summary>
    public bool AsksTwins { get; init; }

    /// <summary>The create's JSON.</summary>
    public required byte[] Create { get; init; }

    /// <summary>Whether it declares <see cref="SimulatedCall.Slow"/> as an async tool.</summary>
    public bool IsSlowAsync { get; init; }

    /// <summary>Whether it must be refused: it leaves a call open or answers none.</summary>
    public bool IsWrong { get; init; }

    /// <summary>The response's id, once a host said it.</summary>
    public ResponseId? Id { get; set; }

    /// <summary>Whether nothing more is to be done for it: it ended, was refused, or is gone.</summary>
    public bool IsDecided { get; set; }

    /// <summary>What readers saw of it.</summary>
    public SeenEvents Seen { get; } = new();

    /// <summary>Output items with a call id that it ended with, as its terminal event said.</summary>
    public List<MadeCall> Calls { get; set; } = [];

    /// <summary>When someone first asked to delete it, and when that was confirmed, as ticks; 0: not yet.</summary>
    public long DeleteAskedAt { get; set; }

    public long DeletedAt { get; set; }

    /// <summary>
    /// Whether its conversation was deleted as a whole: a client that sends it again begins another turn.
    /// </summary>
    public bool IsForgotten { get; set; }

    /// <summary>Whether it, or a turn before it, is forgotten.</summary>
    public bool IsBehindForgotten => IsForgotten || Parent is { IsBehindForgotten: true };

    public override string ToString() => Id is { } id ? $"turn {Number} ({id.Turn})" : $"turn {Number}";
}

/// <summary>The items that a client sent.</summary>
/// <param name="Context">The digest behind them.</param>
/// <param name="Count">How many there are.</param>
internal sealed record SentHistory(Digest Context, int Count);

/// <summary>The events of one turn as its readers saw them.</summary>
internal sealed class SeenEvents
{
    /// <summary>By number; null where nobody saw that one yet.</summary>
    public List<ReadOnlyMemory<byte>?> Events { get; } = [];

    /// <summary>The response object that its terminal event carried, or a GET showed after its end.</summary>
    public ReadOnlyMemory<byte> Outcome { get; set; }

    /// <summary>When a terminal event or ended response first left, as a tick; 0: not yet.</summary>
    public long EndedAt { get; set; }

    /// <summary>The number of the terminal event of a turn that was not cut; -1: not seen.</summary>
    public int Last { get; set; } = -1;
}
