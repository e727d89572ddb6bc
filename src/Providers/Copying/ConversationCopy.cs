using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Providers.Copying;

/// <summary>
/// Walks the logs that one conversation has in source and target, in step. Appends that both have are compared; the
/// others are appended to the target, or missed there. It holds a few pages of both logs. For one caller at a time.
/// </summary>
internal sealed class ConversationCopy : IAsyncDisposable
{
    private readonly ICopyTarget _target;
    private readonly CopyTally _tally;
    private readonly IAsyncEnumerator<JournalEntry> _from, _to;
    private readonly Conversation? _rebuilt;
    private JournalEnd _end;
    private bool _isTargetRead;

    /// <summary>A walk from the begin of both logs.</summary>
    /// <param name="key">The conversation.</param>
    /// <param name="journals">Where its logs are.</param>
    /// <param name="tally">Is told of what is appended.</param>
    /// <param name="rebuilt">
    /// Is rebuilt from the target's log, where nothing may be missing; null: appends are copied.
    /// </param>
    /// <param name="cancellationToken">Ends it between two appends.</param>
    public ConversationCopy(ConversationKey key, CopiedJournals journals, CopyTally tally, Conversation? rebuilt,
        CancellationToken cancellationToken)
    {
        (Key, _target, _tally, _rebuilt) = (key, journals.Target, tally, rebuilt);
        _from = journals.Source.ReadAsync(key, JournalEnd.None, cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        _to = journals.Target.ReadAsync(key, JournalEnd.None, cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
    }

    /// <summary>The conversation.</summary>
    public ConversationKey Key { get; }

    /// <summary>Takes the next append; false: the source's log has no more, and the target has all of it.</summary>
    /// <exception cref="JournalCorruptException">The source's log is damaged.</exception>
    /// <exception cref="CopyRefusedException">The target has another log.</exception>
    public async Task<bool> StepAsync(CancellationToken cancellationToken)
    {
        if (!await _from.MoveNextAsync())
        {
            return _end == JournalEnd.None
                ? throw new JournalCorruptException("the conversation has no appends")
                : await NextOfTargetAsync() is null ? false : throw Another();
        }

        var entry = _from.Current;
        RecordCheck.Check(Key, entry.Records.Span);
        if (await NextOfTargetAsync() is { } held)
        {
            Compare(entry, held);
            _rebuilt?.Recover(held);
        }
        else if (_rebuilt is not null)
        {
            throw new CopyRefusedException($"The target lost append {entry.Position} of conversation {Key.Id}: run " +
                "the command again.");
        }
        else
        {
            await _target.AppendAsync(Key, _end, entry.Writer, entry.Records, cancellationToken);
            _tally.Appended(entry.Records.Length);
        }

        _end = JournalEnd.Behind(entry);
        return true;
    }

    /// <summary>Takes all that is left.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        while (await StepAsync(cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _from.DisposeAsync();
        await _to.DisposeAsync();
    }

    private async ValueTask<JournalEntry?> NextOfTargetAsync()
    {
        try
        {
            _isTargetRead = _isTargetRead || !await _to.MoveNextAsync();
            return _isTargetRead ? null : _to.Current;
        }
        catch (JournalCorruptException e)
        {
            throw new CopyRefusedException($"The target gives conversation {Key.Id} back damaged ({e.Message}) Check " +
                "its disk, and copy into an empty journal.");
        }
    }

    private void Compare(JournalEntry entry, JournalEntry held)
    {
        if (held.Position != entry.Position || held.Writer != entry.Writer ||
            !held.Records.Span.SequenceEqual(entry.Records.Span))
        {
            throw Another();
        }
    }

    private CopyRefusedException Another() => new(
        $"The target's conversation {Key.Id} is not the source's: copy into an empty journal.");
}

/// <summary>The two journals of a copy.</summary>
internal sealed record CopiedJournals(ICopySource Source, ICopyTarget Target);
