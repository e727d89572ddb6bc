using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Journals.Turns;

/// <summary>One conversation in a journal, that recorded turns are played into.</summary>
internal sealed class Log(IJournal journal, ConversationKey key, RecordedTurns turns)
{
    private JournalEnd _end;

    /// <summary>Whose it is.</summary>
    public ConversationKey Key { get; } = key;

    /// <summary>Items it holds.</summary>
    public int Items => (int)_end.Position / RecordedTurns.TurnAppends * RecordedTurns.TurnItems;

    /// <summary>Whether every recorded append is in it.</summary>
    public bool IsFull => _end.Position >= turns.Appends.Count;

    /// <summary>
    /// Reads what comes next, so that it is in the processor's cache, as an append is that was just written.
    /// </summary>
    public void Warm() => _ = turns.Appends[(int)_end.Position].Span.Count((byte)0);

    /// <summary>Appends what comes next; gives its bytes.</summary>
    public async ValueTask<int> AppendAsync(CancellationToken cancellationToken)
    {
        var records = turns.Appends[(int)_end.Position];
        await journal.AppendAsync(Key, _end, RecordedTurns.Writer, records, cancellationToken);
        _end = new JournalEnd(_end.Position + 1, RecordedTurns.Writer);
        return records.Length;
    }

    /// <summary>Appends whole turns until it holds so many items.</summary>
    public async Task GrowAsync(int items, CancellationToken cancellationToken)
    {
        while (Items < items)
        {
            await AppendAsync(cancellationToken);
        }
    }
}
