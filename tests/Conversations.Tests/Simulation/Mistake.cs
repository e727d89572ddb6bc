using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;
using Record = Evergrain.Conversations.Records.Record;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// A mistake that the simulation must find, made by a part around the product: a journal that lies, or a reader queue
/// that reads wrongly. The base makes none.
/// </summary>
internal class Mistake
{
    public static readonly Mistake None = new();

    /// <summary>Whether the journal says that an append is stored before it is.</summary>
    public virtual bool AcknowledgesEarly(IReadOnlyList<Record> records) => false;

    /// <summary>Where an append goes that its writer wants to stand at an end.</summary>
    public virtual JournalEnd EndFor(JournalEnd wanted, JournalEnd real) => wanted;

    /// <summary>What is stored of an append.</summary>
    public virtual ReadOnlyMemory<byte> Stored(RecordOwner owner, ReadOnlyMemory<byte> records) => records;

    /// <summary>What is read of an append.</summary>
    public virtual ReadOnlyMemory<byte> Read(RecordOwner owner, ReadOnlyMemory<byte> records) => records;

    /// <summary>The readers of an activation.</summary>
    public virtual ReaderQueue Readers() => new();

    /// <summary>Whether two keys of histories are the same to the index.</summary>
    public virtual bool IsSameKey(Digest left, Digest right) => left == right;

    /// <summary>Whether a conversation says that a history with a context may continue a turn.</summary>
    public virtual bool MayContinue(Conversation conversation, TurnId turn, Digest context) =>
        conversation.Places.Match(turn, new HistoryQuestion(context, [])).Turns is [{ Rest: 0 }, ..];

    protected static ReadOnlyMemory<byte> Rewrite(RecordOwner owner, ReadOnlyMemory<byte> records,
        Func<Record, Record?> change)
    {
        var kept = RecordFrames.Read(records, owner).Select(change).OfType<Record>().ToList();
        return kept.Count == 0 ? records : RecordFrames.Write(kept, owner);
    }
}

/// <summary>The journal acknowledges each append when it gets it: records take effect too early.</summary>
internal sealed class AcknowledgedBeforeStored : Mistake
{
    public override bool AcknowledgesEarly(IReadOnlyList<Record> records) => true;
}

/// <summary>The journal acknowledges the end of a turn before it stores it.</summary>
internal sealed class EndAcknowledgedBeforeStored : Mistake
{
    public override bool AcknowledgesEarly(IReadOnlyList<Record> records) =>
        records.Any(static record => record is TurnFinished);
}

/// <summary>The journal stores an append wherever its writer believes the log to end.</summary>
internal sealed class NoFence : Mistake
{
    public override JournalEnd EndFor(JournalEnd wanted, JournalEnd real) => real;
}

/// <summary>The journal drops claims, and so the writer that takes over writes on another's log.</summary>
internal sealed class ClaimsDropped : Mistake
{
    public override ReadOnlyMemory<byte> Stored(RecordOwner owner, ReadOnlyMemory<byte> records) =>
        Rewrite(owner, records, static record => record is Claimed ? null : record);
}

/// <summary>The journal forgets which request began a turn.</summary>
internal sealed class RequestIdForgotten : Mistake
{
    public override ReadOnlyMemory<byte> Read(RecordOwner owner, ReadOnlyMemory<byte> records) =>
        Rewrite(owner, records,
            static record => record is TurnStarted started ? started with { RequestId = 0 } : record);
}

/// <summary>The journal keeps new metadata, and forgets whose it is.</summary>
internal sealed class ChangedTurnForgotten : Mistake
{
    public override ReadOnlyMemory<byte> Stored(RecordOwner owner, ReadOnlyMemory<byte> records) =>
        Rewrite(owner, records, static record => record is ValueHeld held ? held with { Turn = 0 } : record);
}

/// <summary>A reader gets what comes next in the event log, whichever number it asked for.</summary>
internal sealed class NumberIgnored : Mistake
{
    public override ReaderQueue Readers() => new Careless();

    private sealed class Careless : ReaderQueue
    {
        private readonly Dictionary<TurnId, int> _given = [];

        protected override ReadStep Next(Conversation conversation, TurnAddress turn, int from)
        {
            var next = _given.GetValueOrDefault(turn.Response.Turn);
            var step = base.Next(conversation, turn, next);
            _given[turn.Response.Turn] = next + step.Events.Count;
            return step;
        }
    }
}

/// <summary>
/// The index compares 32 bits of a key. It harms nothing, since the conversation compares whole digests.
/// </summary>
internal class IndexComparesShortKeys : Mistake
{
    public override bool IsSameKey(Digest left, Digest right) => left.AsSpan()[..4].SequenceEqual(right.AsSpan()[..4]);
}

/// <summary>The index and the conversation compare 32 bits of a key: a history may continue another one.</summary>
internal sealed class ComparesShortKeys : IndexComparesShortKeys
{
    public override bool MayContinue(Conversation conversation, TurnId turn, Digest context)
    {
        using var list = JsonDocument.Parse(conversation.ListTurns(turn.Number - 1, 1));
        return list.RootElement.GetProperty("data").EnumerateArray().Any(item =>
            item.GetProperty("number").GetInt32() == turn.Number &&
            item.GetProperty("digest").GetString() is { } digest && IsSameKey(
                SimulatedIndex.KeyOf(Digest.From(Convert.FromHexString(digest))), SimulatedIndex.KeyOf(context)));
    }
}
