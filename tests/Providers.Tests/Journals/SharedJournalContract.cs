using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What a journal promises beyond, whose store several servers share: each has a journal of its own.</summary>
public abstract class SharedJournalContract(ITestOutputHelper output) : JournalModelContract(output)
{
    private IJournal _other = null!;

    protected sealed override IJournal Other => _other;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _other = await OpenAsync();
    }

    public override async Task DisposeAsync()
    {
        await _other.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Append_Ended_IsSeenThroughTheOtherJournalAtOnce()
    {
        var keys = Enumerable.Range(0, 10).Select(_ => NewKey()).ToList();
        await Task.WhenAll(keys.Select(key => Task.Run(() => PassToAndFroAsync(key, 30), Token)));

        Assert.Equal(keys.Select(k => k.Id).ToHashSet(),
            (await _other.ListAsync(Tenant, after: null, 100, Token)).ToHashSet());
    }

    [Fact]
    public async Task Append_OfAWriterThatWasTakenOver_IsRefusedWhateverItTries()
    {
        var key = NewKey();
        await FillAsync(key, 3);
        var stale = await Journal.EndAsync(key, Token);
        await _other.AppendAsync(key, stale, 2, Bytes(1, 10), Token);

        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await Journal.AppendAsync(key, stale, 1, Bytes(2, 10), Token));
        await Assert.ThrowsAsync<PositionTakenException>(async () => await Journal.DeleteAsync(key, stale, Token));
        await AssertRefusedAsync(key, 4);

        Assert.Equal([1UL, 1UL, 1UL, 2UL], (await ReadAllAsync(key)).Select(e => e.Writer));
    }

    [Fact]
    public async Task Append_ThroughBothJournalsAtOnce_ExactlyOneWinsEachPosition()
    {
        var key = NewKey();
        var end = JournalEnd.None;
        for (var round = 0; round < 100; round++)
        {
            var from = end;
            var won = await Task.WhenAll(
                Task.Run(() => TryAppendAsync(Journal, key, from, 1), Token),
                Task.Run(() => TryAppendAsync(_other, key, from, 2), Token));

            Assert.Single(won, w => w);
            end = new JournalEnd(end.Position + 1, won[0] ? 1UL : 2UL);
            Assert.Equal(end, await (won[0] ? _other : Journal).EndAsync(key, Token));
        }
    }

    [Fact]
    public async Task Delete_ThroughOneJournal_EndsTheLogForTheOther()
    {
        var key = NewKey();
        await FillAsync(key, 3);
        var seen = await _other.EndAsync(key, Token);

        await Journal.DeleteAsync(key, seen, Token);

        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await _other.AppendAsync(key, seen, 1, Bytes(1, 10), Token));
        Assert.Equal(JournalEnd.None, await _other.EndAsync(key, Token));
        await _other.DeleteAsync(key, seen, Token);
        await _other.AppendAsync(key, 0, 2, Bytes(1, 10), Token);
        Assert.Equal(new JournalEnd(1, 2), await Journal.EndAsync(key, Token));
    }

    private async Task PassToAndFroAsync(ConversationKey key, int count)
    {
        var end = JournalEnd.None;
        for (var i = 0; i < count; i++)
        {
            var (writer, reader) = i % 2 == 0 ? (Journal, _other) : (_other, Journal);
            await writer.AppendAsync(key, end, (ulong)i, Bytes(i, 30), Token);
            end = new JournalEnd(i + 1, (ulong)i);
            Assert.Equal(end, await reader.EndAsync(key, Token));
        }
    }

    private async Task<bool> TryAppendAsync(IJournal journal, ConversationKey key, JournalEnd end, ulong writer)
    {
        try
        {
            await journal.AppendAsync(key, end, writer, Bytes((int)writer, 50), Token);
            return true;
        }
        catch (PositionTakenException)
        {
            return false;
        }
    }
}
