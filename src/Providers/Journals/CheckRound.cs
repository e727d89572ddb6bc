using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Journals;

/// <summary>
/// One check of a whole journal. First it looks whether the indexes lead to each conversation, then it reads each log.
/// </summary>
/// <remarks>
/// The logs are read from a conversation chosen by chance on, and then those before it. So a server that is restarted
/// before a round has ended comes by every log all the same, sooner or later.
/// </remarks>
internal sealed partial class CheckRound(
    ICheckedJournal journal, HiddenConversations hidden, JournalCheckSetup setup)
{
    // What reading an entry costs beside its bytes.
    private const int EntryBytes = 64;

    private const int TriesMax = 3;

    // A damaged page of an index can hide thousands.
    private const int LinesMax = 100;

    private readonly CheckPace _pace = new(setup.Time, setup.BytesPerSecond);
    private long _conversations, _bytes, _damaged, _notRead;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var last = await CheckWaysAsync(cancellationToken);
        var begin = (long)(setup.Chance.Next64() % (ulong)(last + 1));
        await CheckLogsAsync(begin, long.MaxValue, cancellationToken);
        await CheckLogsAsync(0, begin, cancellationToken);
        LogEnded(setup.Logger, _conversations, _bytes, _damaged, _notRead);
    }

    /// <summary>Whether the indexes lead to each conversation; gives the last place of the table.</summary>
    private async Task<long> CheckWaysAsync(CancellationToken cancellationToken)
    {
        var found = new HashSet<ConversationKey>();
        long place = 0;
        for (long? next = place; next is { } behind;)
        {
            place = behind;
            var page = await ReadRosterAsync(behind, cancellationToken);
            next = page.Next;
            if (page.Damage is { } damage)
            {
                Count();
                LogUnreadable(setup.Logger, damage);
            }

            foreach (var entry in page.Entries.Where(static entry => entry.Damage is not null))
            {
                if (entry.IsHidden && found.Add(entry.Key))
                {
                    hidden.Add(entry.Key);
                }

                Report(entry.Key, entry.Damage!);
            }

            await _pace.SpendAsync((1 + page.Entries.Count) * EntryBytes, cancellationToken);
        }

        hidden.Keep(found);
        return place;
    }

    /// <summary>Reads the logs of the conversations between two places of the table.</summary>
    private async Task CheckLogsAsync(long begin, long end, CancellationToken cancellationToken)
    {
        for (long? next = begin; next is { } behind && behind < end;)
        {
            var page = await ReadRosterAsync(behind, cancellationToken);
            next = page.Next;
            foreach (var entry in page.Entries.Where(static entry => entry.Damage is null))
            {
                await CheckLogAsync(entry.Key, cancellationToken);
            }

            await _pace.SpendAsync((1 + page.Entries.Count) * EntryBytes, cancellationToken);
        }
    }

    private async Task CheckLogAsync(ConversationKey key, CancellationToken cancellationToken)
    {
        _conversations++;
        for (var tries = 1; ; tries++)
        {
            try
            {
                await ReadLogAsync(key, cancellationToken);
                return;
            }
            catch (JournalCorruptException e)
            {
                Report(key, e.Message);
                return;
            }
            catch (JournalUnavailableException e)
            {
                if (tries == TriesMax)
                {
                    _notRead++;
                    LogNotRead(setup.Logger, key.Id, e.Message);
                    return;
                }

                await Task.Delay(setup.RetryPause, setup.Time, cancellationToken);
            }
        }
    }

    private async Task ReadLogAsync(ConversationKey key, CancellationToken cancellationToken)
    {
        await foreach (var append in journal.ReadAsync(key, JournalEnd.None, cancellationToken))
        {
            RecordCheck.Check(key, append.Records.Span);
            _bytes += append.Records.Length;
            setup.Instruments?.Checked(append.Records.Length);

            // Between two pages no transaction is open.
            await _pace.SpendAsync(append.Records.Length + EntryBytes, cancellationToken);
        }
    }

    private async Task<RosterPage> ReadRosterAsync(long behind, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await journal.ReadRosterAsync(behind, cancellationToken);
            }
            catch (JournalUnavailableException)
            {
                // Whoever asks for a conversation now is told why; the check waits.
                await Task.Delay(setup.RetryPause, setup.Time, cancellationToken);
            }
        }
    }

    private void Report(ConversationKey key, string damage)
    {
        Count();
        if (_damaged <= LinesMax)
        {
            LogDamaged(setup.Logger, key.Id, damage);
        }
    }

    private void Count()
    {
        _damaged++;
        setup.Instruments?.Damaged();
    }

    [LoggerMessage(451, LogLevel.Critical, "The check found conversation {Conversation} damaged: {Damage}")]
    private static partial void LogDamaged(ILogger logger, ConversationId conversation, string damage);

    [LoggerMessage(452, LogLevel.Critical, "The check could not read a part of the conversations: {Damage}")]
    private static partial void LogUnreadable(ILogger logger, string damage);

    [LoggerMessage(453, LogLevel.Warning, "The check could not read conversation {Conversation}: {Reason}")]
    private static partial void LogNotRead(ILogger logger, ConversationId conversation, string reason);

    [LoggerMessage(454, LogLevel.Information, "The journal was checked: {Conversations} conversations with {Bytes} " +
        "bytes, {Damaged} damaged, {NotRead} not read.")]
    private static partial void LogEnded(
        ILogger logger, long conversations, long bytes, long damaged, long notRead);
}
