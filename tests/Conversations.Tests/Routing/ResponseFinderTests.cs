using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Routing;

namespace Evergrain.Conversations.Tests.Routing;

/// <summary>Pages of responses over many conversations: their order, their bounds, and how they go on.</summary>
public sealed class ResponseFinderTests : IAsyncDisposable
{
    private const string Tenant = "default";

    private readonly InMemoryJournal _journal = new();
    private readonly List<ConversationId> _conversations = [];

    // Turns of each conversation that pass; others have none.
    private readonly Dictionary<ConversationId, int> _turns = [];
    private int _asked;

    public ValueTask DisposeAsync() => _journal.DisposeAsync();

    [Theory]
    [InlineData(true, 1)]
    [InlineData(true, 7)]
    [InlineData(false, 1)]
    [InlineData(false, 7)]
    public async Task Pages_PutTogether_AreAllResponsesInOrder(bool isAscending, int limit)
    {
        await BeginAsync(150, static i => i % 4);
        await _journal.AppendAsync(new ConversationKey("other", new ConversationId(1)), JournalEnd.None, 1,
            "x"u8.ToArray(), default);
        var expected = _conversations.SelectMany(id => Enumerable.Range(1, _turns.GetValueOrDefault(id))
            .Select(number => new ResponseId(id, TurnId.Stored(number)))).ToList();
        expected = isAscending ? expected : [.. Enumerable.Reverse(expected)];

        var found = new List<ResponseId>();
        ResponsePage page;
        do
        {
            page = await FindAsync(limit, isAscending, found.Count == 0 ? null : found[^1]);
            Assert.InRange(page.Found.Count, 1, limit);
            found.AddRange(page.Found);
        }
        while (page.HasMore);

        Assert.Equal(expected, found);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Page_ThatFindsNothing_EndsAtItsBoundAndSaysWhereItGoesOn(bool isAscending)
    {
        const int Begun = Limits.ListedConversationsMax + 50;
        await BeginAsync(Begun, i => i == (isAscending ? Begun - 1 : 0) ? 1 : 0);
        foreach (var id in _conversations)
        {
            _turns.TryAdd(id, 0);
        }

        var page = await FindAsync(5, isAscending, after: null);

        Assert.Equal((0, true, Limits.ListedConversationsMax), (page.Found.Count, page.HasMore, _asked));
        var next = await FindAsync(5, isAscending, page.LookedAt);
        Assert.Equal((1, false), (next.Found.Count, next.HasMore));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Page_BehindAResponseThatIsNone_IsNotFound(bool isAscending)
    {
        await BeginAsync(3, static _ => 1);
        ResponseId[] others =
        [
            new(new ConversationId(99), TurnId.Stored(1)), new(_conversations[0], TurnId.Unstored(7)),
        ];
        foreach (var other in others)
        {
            var refused = await Assert.ThrowsAsync<ConversationException>(
                async () => await FindAsync(5, isAscending, other));
            Assert.Equal((RefusalKind.NotFound, "after"), (refused.Refusal.Kind, refused.Refusal.Param));
        }
    }

    [Fact]
    public async Task Page_WithADamagedConversation_NamesIt()
    {
        await BeginAsync(3, static _ => 1);
        var finder = new ResponseFinder(_journal, new ResponseQuery(Tenant, 5, new ResponseFilter()),
            static (_, _, _) => throw ConversationException.Of(RefusalKind.Internal, "Damaged."));
        var refused = await Assert.ThrowsAsync<ConversationException>(async () => await finder.FindAsync(default));
        Assert.Equal($"Damaged. It is {_conversations[0]}.", refused.Message);
    }

    private async Task BeginAsync(int count, Func<int, int> turns)
    {
        for (var i = 0; i < count; i++)
        {
            // Ids have no order.
            var id = new ConversationId(((UInt128)i * 7919) % 10_007);
            _conversations.Add(id);
            await _journal.AppendAsync(new ConversationKey(Tenant, id), JournalEnd.None, 1, "x"u8.ToArray(), default);
            if (turns(i) > 0)
            {
                _turns[id] = turns(i);
            }
        }
    }

    private ValueTask<ResponsePage> FindAsync(int limit, bool isAscending, ResponseId? after) => new ResponseFinder(
        _journal,
        new ResponseQuery(Tenant, limit, new ResponseFilter { IsAscending = isAscending }) { After = after },
        (key, behind, most) => Ask(key, behind, most, isAscending)).FindAsync(default);

    /// <summary>A conversation with so many turns; one with none that pass looks at its first.</summary>
    private ValueTask<FoundTurns> Ask(ConversationKey key, TurnId after, int limit, bool isAscending)
    {
        _asked++;
        if (!_turns.TryGetValue(key.Id, out var count))
        {
            throw ConversationException.Of(RefusalKind.NotFound, "No such conversation.");
        }

        var numbers = Enumerable.Range(1, count).Where(number => !after.IsStored ||
            (isAscending ? number > after.Number : number < after.Number));
        var found = (isAscending ? numbers : numbers.Reverse()).Take(limit)
            .Select(static number => TurnId.Stored(number)).ToArray();
        return new(new FoundTurns(found, found.Length > 0 ? found[^1] : after.IsStored ? default : TurnId.Stored(1)));
    }
}
