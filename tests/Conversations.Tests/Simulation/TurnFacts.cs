using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>A stored turn as the journal holds it.</summary>
internal sealed class TurnFacts
{
    public required int Number { get; init; }

    public required TurnFacts? Parent { get; init; }

    public required TurnStarted Started { get; init; }

    /// <summary>The activation that began it.</summary>
    public required ulong Writer { get; init; }

    /// <summary>When its start took effect, as a tick.</summary>
    public required long StartedAt { get; init; }

    /// <summary>The errand it was begun for.</summary>
    public required Errand Errand { get; init; }

    /// <summary>Its finished output items.</summary>
    public List<ReadOnlyMemory<byte>> Output { get; } = [];

    /// <summary>The item that was streaming when it ended.</summary>
    public int PartialBytes { get; set; }

    /// <summary>Calls of its output.</summary>
    public List<MadeCall> Calls { get; } = [];

    /// <summary>Calls of its input: of a history that parted from what was known.</summary>
    public List<MadeCall> InputCalls { get; } = [];

    public TurnFinished? Finished { get; set; }

    /// <summary>The metadata that it was given since its end, in order.</summary>
    public List<ReadOnlyMemory<byte>> Metadata { get; } = [];

    public bool IsDeleted { get; set; }

    /// <summary>The digest behind its last item so far.</summary>
    public Digest Digest { get; set; }

    /// <summary>What <see cref="SimulatedBackend"/> leaves behind its last item so far.</summary>
    public ulong Chain { get; set; }

    /// <summary>Items of its branch so far.</summary>
    public int Items { get; set; }

    /// <summary>Bytes of the frames that are its own.</summary>
    public int Bytes { get; set; }

    public bool IsCut => Finished is { Shape.IsEmpty: true };
}

/// <summary>A conversation's log as the journal holds it.</summary>
internal sealed class LogFacts(ConversationKey key)
{
    public ConversationKey Key => key;

    public JournalEnd End { get; set; }

    public List<TurnFacts> Turns { get; } = [];

    /// <summary>How often it changed.</summary>
    public int Changes { get; set; }

    /// <summary>How often it was deleted as a whole: after that its ids may name other turns.</summary>
    public int Deletions { get; set; }

    public IEnumerable<TurnFacts> Open => Turns.Where(static turn => turn.Finished is null);
}
