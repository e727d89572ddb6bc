using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// Reads the log of a conversation for the ends of its turns that histories may continue. It parses no item: the digest
/// of each turn is in the log.
/// </summary>
/// <param name="key">The conversation.</param>
internal sealed class HistoryScan(ConversationKey key)
{
    private readonly RecordOwner _owner = new(key);
    private readonly Dictionary<int, (string Field, ReadOnlyMemory<byte> Json)> _values = [];
    private readonly Dictionary<int, ScannedTurn> _turns = [];

    /// <summary>Where the log ends, as far as it was read.</summary>
    public JournalEnd End { get; private set; }

    /// <summary>Takes in one append, in order.</summary>
    /// <exception cref="JournalCorruptException">It holds what no writer of ours wrote.</exception>
    public void Take(JournalEntry entry)
    {
        End = JournalEnd.Behind(entry);
        foreach (var record in RecordFrames.Read(entry.Records, _owner))
        {
            Take(record);
        }
    }

    /// <summary>The ends, the newest turn first.</summary>
    public IReadOnlyList<HistoryEntry> Entries() =>
    [
        .. _turns.OrderByDescending(static turn => turn.Key)
            .Where(static turn => turn.Value is { Digest: not null, HasOutput: true, IsDeleted: false })
            .Select(turn => EntryOf(turn.Key, turn.Value)),
    ];

    private void Take(Record record)
    {
        switch (record)
        {
            case ValueHeld { Field: "safety_identifier" or "user" or "prompt_cache_key" } value:
                _values[value.Number] = (value.Field, value.Json.ToArray());
                break;
            case TurnStarted started:
                _turns[started.Turn] = new ScannedTurn(started.Tag, started.Values);
                break;
            case OutputHeld { IsPartial: false } output when _turns.TryGetValue(output.Turn, out var turn):
                turn.HasOutput = true;
                break;
            case TurnFinished finished when _turns.TryGetValue(finished.Turn, out var turn):
                turn.Digest = finished.Digest;
                break;
            case TurnDeleted deleted when _turns.TryGetValue(deleted.Turn, out var turn):
                turn.IsDeleted = true;
                break;
        }
    }

    private HistoryEntry EntryOf(int number, ScannedTurn turn)
    {
        var scope = RecognitionScope.Of(
            key.Tenant, ValueOf(turn, "safety_identifier"), ValueOf(turn, "user"), isStored: true);
        var hint = HistoryHint.Of(ValueOf(turn, "prompt_cache_key"), session: 0);
        return new HistoryEntry(key.Tenant, new ResponseId(key.Id, TurnId.Stored(number, turn.Tag)),
            new HistoryMark(scope.KeyOf(turn.Digest!.Value), hint));
    }

    private ReadOnlyMemory<byte> ValueOf(ScannedTurn turn, string field)
    {
        foreach (var number in turn.Values)
        {
            if (_values.TryGetValue(number, out var value) && value.Field == field)
            {
                return value.Json;
            }
        }

        return default;
    }

    private sealed class ScannedTurn(int tag, IReadOnlyList<int> values)
    {
        public int Tag { get; } = tag;

        public IReadOnlyList<int> Values { get; } = values;

        public bool HasOutput { get; set; }

        public bool IsDeleted { get; set; }

        public Digest? Digest { get; set; }
    }
}
