using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Embedded;

/// <content>
/// A journal that other servers write too: reading its tail, taking over, and waiting for a turn that runs elsewhere.
/// </content>
internal sealed partial class ActiveConversation
{
    // Another server's turn ends when its model does: looked at soon, then ever more rarely.
    private static readonly TimeSpan LookSoon = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LookRarely = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ComeBack = TimeSpan.FromSeconds(2);

    // Two servers that take a conversation from each other for every request are told to stop it, not served.
    private const int SettlingsMax = 16;

    // The moment the newest look at the journal began of which all was taken in; touched by the loop alone.
    private long _freshAt;

    /// <summary>Does what the conversation lacks for an answer, and asks again, until it is settled.</summary>
    /// <exception cref="ConversationException">It does not settle in time.</exception>
    public async Task<T> SettleAsync<T>(Unsettled what, Func<ActiveConversation, long, Task<T>> ask, long askedAt,
        CancellationToken cancellationToken)
    {
        var (begun, pause) = (_context.Time.GetTimestamp(), LookSoon);
        for (var settlings = 1; settlings <= SettlingsMax; settlings++)
        {
            var isLate = _context.Time.GetElapsedTime(begun) >= _context.Options.ElsewhereWait;
            switch (what)
            {
                case Unsettled.End when isLate:
                    throw RunsElsewhere();
                case Unsettled.Claim:
                case Unsettled.EndOrClaim when isLate:
                    await TakeOverAsync(cancellationToken);
                    break;
                case Unsettled.End or Unsettled.EndOrClaim:
                    // Waiting is bounded by time, not by count.
                    settlings--;
                    await Task.Delay(pause, _context.Time, cancellationToken);
                    pause = pause * 2 < LookRarely ? pause * 2 : LookRarely;
                    await CatchUpAsync(cancellationToken);
                    break;
                default:
                    await CatchUpAsync(cancellationToken);
                    break;
            }

            try
            {
                return await ask(this, askedAt);
            }
            catch (UnsettledException e)
            {
                what = e.What;
            }
        }

        throw ConversationException.Of(RefusalKind.Unavailable,
            "Other servers take this conversation over again and again: send it to one server.");
    }

    /// <summary>Reads what others wrote behind what this activation knows.</summary>
    private async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        var begun = _context.NextMoment();
        var end = await _mailbox.AskAsync<JournalEnd>(
            static (conversation, answer) => answer.TrySetResult(conversation.End), cancellationToken);
        if (await ReadTailAsync(end) is not { } tail)
        {
            await _mailbox.TellAsync(static conversation => conversation.OnAppendFailed());
            throw new ActivationEndedException();
        }

        var hasTakenIn = await _mailbox.AskAsync<bool>((conversation, answer) =>
        {
            var isNew = conversation.OnTail(tail);
            _freshAt = Math.Max(_freshAt, begun);
            answer.TrySetResult(isNew);
        }, cancellationToken);
        if (hasTakenIn)
        {
            _context.Instruments.Refreshed();
        }
    }

    /// <summary>The appends behind an end; null if the journal never had it: it was deleted.</summary>
    private async Task<List<JournalEntry>?> ReadTailAsync(JournalEnd end)
    {
        try
        {
            var tail = new List<JournalEntry>();
            await foreach (var entry in _context.ReadJournalAsync(Key, end))
            {
                tail.Add(entry);
            }

            return tail;
        }
        catch (PositionTakenException)
        {
            return null;
        }
        catch (JournalUnavailableException e)
        {
            LogTailNotRead(_context.Logger, e, Key.Id);
            throw new ConversationException(
                new Refusal(RefusalKind.Unavailable, "The conversation cannot be read: try again."), e);
        }
    }

    private Task TakeOverAsync(CancellationToken cancellationToken) =>
        AskDurableAsync(conversation => (true, conversation.TakeOver(Now)), cancellationToken);

    /// <summary>Says to the conversation whether it knows enough for what was asked at a moment.</summary>
    private Conversation AsOf(Conversation conversation, long askedAt)
    {
        conversation.IsFresh = _context.Journal.IsExclusive || _freshAt >= askedAt;
        return conversation;
    }

    private static ConversationException RunsElsewhere() => new(new Refusal(RefusalKind.Unavailable,
        "The response runs on another server, or ran on one that died: ask again later, or cancel it.")
    {
        RetryAfter = ComeBack,
    });

    [LoggerMessage(106, LogLevel.Error, "Conversation {Conversation}: its journal's tail cannot be read.")]
    private static partial void LogTailNotRead(ILogger logger, Exception e, ConversationId conversation);
}
