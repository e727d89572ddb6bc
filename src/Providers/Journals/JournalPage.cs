using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Journals;

/// <summary>Some of a conversation's appends, as they were at one moment.</summary>
/// <param name="Conversation">Its number, which a successor of the same key does not share; 0: there is none.</param>
/// <param name="Entries">The appends, in order.</param>
/// <param name="HasMore">Whether there may be more.</param>
internal readonly record struct JournalPage(long Conversation, List<JournalEntry> Entries, bool HasMore)
{
    /// <summary>What there is of a conversation that is not there, or not any more.</summary>
    public static readonly JournalPage Nothing = new(0, [], HasMore: false);

    /// <summary>
    /// All appends behind an end, page by page. <paramref name="read"/> gives a page behind an end, of the conversation
    /// with a number (0: whichever is there, which then must hold that end). While the caller works on a page the next
    /// one is read, and no further: two pages are held at most.
    /// </summary>
    public static async IAsyncEnumerable<JournalEntry> ReadAllAsync(JournalEnd from,
        Func<JournalEnd, long, CancellationToken, Task<JournalPage>> read,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Task<JournalPage>? next = read(from, Nothing.Conversation, cancellationToken);
        try
        {
            while (next is not null)
            {
                var page = await next;
                next = page.HasMore
                    ? read(JournalEnd.Behind(page.Entries[^1]), page.Conversation, cancellationToken)
                    : null;
                foreach (var entry in page.Entries)
                {
                    yield return entry;
                }
            }
        }
        finally
        {
            if (next is not null)
            {
                // A caller who stops early, or learns of a failure, leaves no read behind.
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
