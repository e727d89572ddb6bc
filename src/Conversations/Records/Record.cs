using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Records;

/// <summary>What a journal can say. An unknown kind is refused by name, never skipped.</summary>
internal enum RecordKind : byte
{
    Claimed = 1,
    ValueHeld = 2,
    InputHeld = 3,
    TurnStarted = 4,
    OutputHeld = 5,
    TurnFinished = 6,
    TurnDeleted = 7,
    OutputNamed = 8,
}

/// <summary>One fact of a conversation's history. Live turns and recovery apply the same records.</summary>
internal abstract record Record(RecordKind Kind)
{
    /// <summary>
    /// Fields that this build does not know, as they were read. Nothing here uses them; a record that is written again
    /// is written with them.
    /// </summary>
    public IReadOnlyList<RecordField> Fields { get; init; } = [];
}

/// <summary>A new activation owns the conversation from here on.</summary>
internal sealed record Claimed() : Record(RecordKind.Claimed);

/// <summary>A parameter value that turns name by number from here on.</summary>
internal sealed record ValueHeld(int Number, string Field, ReadOnlyMemory<byte> Json) : Record(RecordKind.ValueHeld)
{
    /// <summary>
    /// The turn that shows this value from here on in place of the one it began with; 0: none. A field: it is there
    /// where this is so.
    /// </summary>
    public int Turn { get; init; }
}

/// <summary>An input item of the turn whose <see cref="TurnStarted"/> follows in the same append.</summary>
internal sealed record InputHeld(ReadOnlyMemory<byte> Json) : Record(RecordKind.InputHeld);

/// <summary>A turn began.</summary>
internal sealed record TurnStarted : Record
{
    public TurnStarted()
        : base(RecordKind.TurnStarted)
    {
    }

    /// <summary>Its number, from 1, without gaps.</summary>
    public required int Turn { get; init; }

    /// <summary>The tag of its id; 0 for none. A field: formats below 3 have none.</summary>
    public int Tag { get; init; }

    /// <summary>Whether the server found its parent. A field: it is there where this is so.</summary>
    public bool IsRecognised { get; init; }

    /// <summary>Its parent's number; 0 for none.</summary>
    public required int Parent { get; init; }

    /// <summary>Whether it continues its parent's input alone. A field: formats below 4 have none.</summary>
    public bool ContinuesInput { get; init; }

    public required UInt128 RequestId { get; init; }

    /// <summary>Milliseconds since the Unix epoch.</summary>
    public required long CreatedAt { get; init; }

    public required EventDialect Dialect { get; init; }

    /// <summary>False for a warm-up.</summary>
    public required bool Generate { get; init; }

    /// <summary>Numbers of its parameter values.</summary>
    public required IReadOnlyList<int> Values { get; init; }

    /// <summary>How many <see cref="InputHeld"/> before this record are its input.</summary>
    public required int InputCount { get; init; }
}

/// <summary>
/// An output item is whole, or, <paramref name="IsPartial"/>, was streaming when the turn ended without it.
/// </summary>
internal sealed record OutputHeld(int Turn, int Index, bool IsPartial, ReadOnlyMemory<byte> Json)
    : Record(RecordKind.OutputHeld);

/// <summary>
/// What the model server wants back with a turn's finished items: by output index, null for nothing. Before the turn's
/// <see cref="TurnFinished"/>, in the same append, and only where there is something to say.
/// </summary>
internal sealed record OutputNamed(int Turn, string Rendering, IReadOnlyList<string?> Ids)
    : Record(RecordKind.OutputNamed);

/// <summary>A turn ended.</summary>
internal sealed record TurnFinished : Record
{
    public TurnFinished()
        : base(RecordKind.TurnFinished)
    {
    }

    public required int Turn { get; init; }

    public required TurnEnding Ending { get; init; }

    /// <summary>The stream's shape; see <c>Wire/StreamShape</c>. Empty for an interrupted turn.</summary>
    public required ReadOnlyMemory<byte> Shape { get; init; }

    /// <summary>The digest of its branch, output included; recovery compares.</summary>
    public required Digest Digest { get; init; }
}

/// <summary>A turn's response is no longer to be found; its items stay for the turns that continue it.</summary>
internal sealed record TurnDeleted(int Turn) : Record(RecordKind.TurnDeleted);

/// <summary>How a turn can end.</summary>
internal enum TurnOutcome : byte
{
    Completed = 1,
    Incomplete = 2,
    Cancelled = 3,
    Failed = 4,

    /// <summary>Cut by the death of its activation; a failure whose events cannot be made again.</summary>
    Interrupted = 5,
}

/// <summary>How a turn ended.</summary>
/// <param name="Outcome">The closed kind.</param>
/// <param name="Code">The reason of an incomplete turn, the code of a failed one.</param>
/// <param name="Message">The sentence of a failed one.</param>
/// <param name="Usage">Tokens; null if unknown.</param>
/// <param name="EndedAt">Milliseconds since the Unix epoch.</param>
internal sealed record TurnEnding(TurnOutcome Outcome, string? Code, string? Message, Usage? Usage, long EndedAt);
