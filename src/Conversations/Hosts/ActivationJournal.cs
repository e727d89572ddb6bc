using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Conversations.Hosts;

/// <summary>What activations do with the journal: read it, append to it, delete it. Failures are values here.</summary>
/// <param name="journal">The journal.</param>
/// <param name="services">The clock and the instruments.</param>
/// <param name="logger">Is told of failures, once each.</param>
public sealed partial class ActivationJournal(IJournal journal, ActivationServices services, ILogger logger)
{
    /// <summary>The index that turns which are deleted must leave; null: there is none.</summary>
    public IHistoryStore? Histories { get; init; }

    /// <summary>Reads the journal into an activation that is still to be opened.</summary>
    /// <returns>Why it cannot be opened; null: it was read.</returns>
    public async Task<Refusal?> ReadAsync(ConversationKey key, Activation activation,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(activation);
        try
        {
            await foreach (var entry in journal.ReadAsync(key, JournalEnd.None, cancellationToken))
            {
                activation.Recover(entry);
            }

            return null;
        }
        catch (JournalCorruptException e)
        {
            if (!e.IsNewer)
            {
                services.Instruments.Damaged();
            }

            LogCorrupt(logger, key.Id, e.Message);
            return new Refusal(RefusalKind.Internal, e.IsNewer
                ? "The conversation was written by a newer build of the server."
                : "The conversation's journal is damaged.");
        }
        catch (Exception e)
        {
            if (!IsReported(e))
            {
                LogNotOpened(logger, e, key.Id);
            }

            return new Refusal(RefusalKind.Unavailable, "The conversation cannot be opened: try again.");
        }
    }

    /// <summary>Appends. An append is never abandoned: its outcome must be known.</summary>
    public async Task<AppendOutcome> AppendAsync(ConversationKey key, Effect.Append append, ulong writer)
    {
        var begun = services.Time.GetTimestamp();
        var end = append.End;
        using var span = AppendSpans.Begin(key.Id, append);
        try
        {
            await (append.Deleted is { } turns && Histories is { } histories
                ? histories.AppendAsync(key, end, writer, new(append.Records, turns), CancellationToken.None)
                : journal.AppendAsync(key, end, writer, append.Records, CancellationToken.None));
            services.Instruments.AppendEnded(services.Time.GetElapsedTime(begun));
            return AppendOutcome.Stored;
        }
        catch (PositionTakenException)
        {
            AppendSpans.Fail(span, "position_taken");
            LogTaken(logger, key.Id, end.Position);
            return await HoldsAsync(key, end) ? AppendOutcome.Taken : AppendOutcome.Shortened;
        }
        catch (Exception e)
        {
            // Whatever became of it, the next activation reads it in the journal.
            AppendSpans.Fail(span, GenAi.OtherError);
            if (!IsReported(e))
            {
                LogAppendFailed(logger, e, key.Id, end.Position);
            }

            return AppendOutcome.Unknown;
        }
    }

    /// <summary>Ends an activation whose journal no longer holds what the activation knows.</summary>
    public async Task CompareAsync(IActivationHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        (ConversationKey Key, JournalEnd End)? known = null;
        await host.TellAsync(activation => known = activation.Life is ActivationLife.Open or ActivationLife.Stopping
            ? (activation.Key, activation.End)
            : null);
        if (known is { } held && !await HoldsAsync(held.Key, held.End))
        {
            await host.TellAsync(activation =>
            {
                Shortened(activation, held.End);
                activation.Leave();
            });
        }
    }

    /// <summary>
    /// Says that the journal no longer holds what an activation knows: once for each activation, however often that is
    /// found out.
    /// </summary>
    public void Shortened(Activation activation, JournalEnd end)
    {
        ArgumentNullException.ThrowIfNull(activation);
        if (activation.NoteShortened())
        {
            services.Instruments.Shortened();
            LogShortened(logger, activation.Key.Id, end.Position);
        }
    }

    /// <summary>
    /// Deletes the journal if it still ends there. The deletions in it are durable: where this fails, the next
    /// activation finds nothing else and tries again.
    /// </summary>
    public async Task EraseAsync(ConversationKey key, JournalEnd end)
    {
        try
        {
            await journal.DeleteAsync(key, end, CancellationToken.None);
        }
        catch (PositionTakenException)
        {
            // Another activation went on with it meanwhile.
        }
        catch (Exception e)
        {
            if (!IsReported(e))
            {
                LogEraseFailed(logger, e, key.Id);
            }
        }
    }

    // One that does not hold all that an activation stored or read is an older copy, or was deleted elsewhere.
    private async Task<bool> HoldsAsync(ConversationKey key, JournalEnd end)
    {
        try
        {
            await foreach (var _ in journal.ReadAsync(key, end, CancellationToken.None))
            {
                break;
            }

            return true;
        }
        catch (PositionTakenException)
        {
            return false;
        }
        catch (Exception e)
        {
            // It cannot be read now. What is asked or written next shows what became of it.
            LogNotCompared(logger, e, key.Id);
            return true;
        }
    }

    // What hinders every conversation is the journal's one line, and not a line of each.
    private bool IsReported(Exception failure) =>
        failure is JournalUnavailableException && journal.Obstacle is not null;

    // Each request for it meets the same damage: the reason says all, without a stack.
    [LoggerMessage(100, LogLevel.Critical, "Conversation {Conversation} cannot be opened: {Reason}")]
    private static partial void LogCorrupt(ILogger logger, ConversationId conversation, string reason);

    [LoggerMessage(101, LogLevel.Error, "Conversation {Conversation} cannot be opened.")]
    private static partial void LogNotOpened(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(102, LogLevel.Error, "Conversation {Conversation}: append {Position} failed; it is opened again.")]
    private static partial void LogAppendFailed(
        ILogger logger, Exception e, ConversationId conversation, long position);

    [LoggerMessage(103, LogLevel.Error, "Conversation {Conversation} was deleted, but its journal could not be.")]
    private static partial void LogEraseFailed(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(112, LogLevel.Warning, "Conversation {Conversation}: the journal no longer holds the " +
        "{Appends} appends that were acknowledged. It is an older copy, or was deleted elsewhere. The conversation " +
        "goes on with what the journal holds.")]
    private static partial void LogShortened(ILogger logger, ConversationId conversation, long appends);

    [LoggerMessage(113, LogLevel.Debug, "Conversation {Conversation} was not compared with its journal.")]
    private static partial void LogNotCompared(ILogger logger, Exception e, ConversationId conversation);

    [LoggerMessage(107, LogLevel.Information, "Conversation {Conversation}: another activation has taken it over; " +
        "append {Position} was refused.")]
    private static partial void LogTaken(ILogger logger, ConversationId conversation, long position);
}
