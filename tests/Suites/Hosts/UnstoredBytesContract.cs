using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Suites.Hosts;

/// <summary>Unstored content that waits for its history takes room that nobody needs, and no more.</summary>
public abstract class UnstoredBytesContract(IContractHosts hosts) : HostContract(hosts)
{
    private const long ProcessBytesMax = 8 << 20;
    private const int TextChars = 100_000;
    private const int Chats = 80;

    // Every host looks at its budget within this time.
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(1);

    private readonly ProcessHolding _holding = new(
        static () => new HoldingBounds(ProcessBytesMax, ProcessBytesMax), static _ => long.MaxValue);

    protected override HostSetup Setup => new()
    {
        Holding = _holding,
        Recognition = new RecognitionOptions { Recognition = "all" },
    };

    [Fact]
    public async Task Content_OverTheBudget_GoesOldestFirstAndNobodyIsRefused()
    {
        var chats = Enumerable.Range(0, Chats).Select(_ => new ResentChat(Host) { IsStored = false }).ToArray();
        var ids = new List<ResponseId>();
        foreach (var chat in chats)
        {
            ids.Add(await chat.AskAsync($"{ids.Count}".PadRight(TextChars, '.')));
            Host.Advance(Sweep);
        }

        await Host.Counts.PassivatedAsync(Chats / 2);
        Assert.Equal(ids[^1].Conversation, (await chats[^1].AskAsync("go on")).Conversation);
        Assert.NotEqual(ids[0].Conversation, (await chats[0].AskAsync("go on")).Conversation);
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (_holding.Bytes > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }
}
