using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Suites.Hosts;

namespace Evergrain.Suites.Crash;

/// <summary>The stored turns of a journal, as no client sees them: all of them, by conversation.</summary>
internal sealed class HeldTurns
{
    private readonly Dictionary<string, IReadOnlyList<string>> _ids = [];

    /// <summary>The conversations, by the middle of their ids.</summary>
    public IReadOnlyCollection<string> Codes => _ids.Keys;

    /// <summary>Reads the journal of one tenant.</summary>
    public static async Task<HeldTurns> ReadAsync(IJournal journal, CancellationToken cancellationToken)
    {
        var held = new HeldTurns();
        foreach (var id in await journal.ListAsync("default", null, int.MaxValue, cancellationToken))
        {
            var key = new ConversationKey("default", id);
            var entries = await journal.ReadAsync(key, JournalEnd.None, cancellationToken)
                .ToListAsync(cancellationToken);
            held._ids[id.Code] = [.. entries.RecordsOf(key).OfType<TurnStarted>()
                .Select(started => $"{new ResponseId(id, TurnId.Stored(started.Turn, started.Tag))}")];
        }

        return held;
    }

    /// <summary>The ids of a conversation's responses, by number from 1.</summary>
    public IReadOnlyList<string> Of(string code) => _ids.GetValueOrDefault(code) ?? [];
}
