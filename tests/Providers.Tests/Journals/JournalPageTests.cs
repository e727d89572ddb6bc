using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>A page is read while its reader works on the one before, and no further.</summary>
public sealed class JournalPageTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly List<TaskCompletionSource<JournalPage>> _asked = [];

    [Fact]
    public async Task ReadAllAsync_ReaderOnFirstPage_HasAskedForTheSecondAndNoOther()
    {
        await using var reading = Read().GetAsyncEnumerator();
        var first = reading.MoveNextAsync();
        _asked[0].SetResult(Page(0, hasMore: true));

        Assert.True(await first.AsTask().WaitAsync(Patience));
        Assert.Equal(2, _asked.Count);
        _asked[1].SetResult(Page(2, hasMore: true));
        Assert.True(await reading.MoveNextAsync());

        Assert.Equal(2, _asked.Count);
        Assert.True(await reading.MoveNextAsync());
        Assert.Equal(2, reading.Current.Position);
        Assert.Equal(3, _asked.Count);
        _asked[2].SetResult(JournalPage.Nothing);
    }

    [Fact]
    public async Task ReadAllAsync_ReaderStops_EndsWhenTheReadUnderWayHas()
    {
        var reading = Read().GetAsyncEnumerator();
        var first = reading.MoveNextAsync();
        _asked[0].SetResult(Page(0, hasMore: true));
        await first.AsTask().WaitAsync(Patience);

        var stopped = reading.DisposeAsync().AsTask();

        Assert.False(stopped.IsCompleted);
        _asked[1].SetException(new JournalUnavailableException("gone"));
        await stopped.WaitAsync(Patience);
        Assert.Equal(2, _asked.Count);
    }

    [Fact]
    public async Task ReadAllAsync_SecondPageFails_GivesTheFirstBefore()
    {
        await using var reading = Read().GetAsyncEnumerator();
        var first = reading.MoveNextAsync();
        _asked[0].SetResult(Page(0, hasMore: true));
        await first.AsTask().WaitAsync(Patience);
        _asked[1].SetException(new JournalUnavailableException("gone"));

        Assert.True(await reading.MoveNextAsync());
        Assert.Equal(1, reading.Current.Position);
        await Assert.ThrowsAsync<JournalUnavailableException>(async () => await reading.MoveNextAsync());
    }

    private static JournalPage Page(long from, bool hasMore) => new(
        7, [new JournalEntry(from, 1, new byte[1]), new JournalEntry(from + 1, 1, new byte[1])], hasMore);

    private IAsyncEnumerable<JournalEntry> Read() => JournalPage.ReadAllAsync(JournalEnd.None, (behind, number, _) =>
    {
        Assert.Equal(2 * _asked.Count, behind.Position);
        Assert.Equal(_asked.Count == 0 ? 0 : 7, number);
        _asked.Add(new TaskCompletionSource<JournalPage>());
        return _asked[^1].Task;
    }, CancellationToken.None);
}
