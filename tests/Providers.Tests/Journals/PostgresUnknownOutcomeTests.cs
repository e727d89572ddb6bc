using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>Connections that break between sending and answer, where nobody knows whether it was stored.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresUnknownOutcomeTests(PostgresServer server) : PostgresFixture(server), IAsyncLifetime
{
    private static readonly JournalEnd AfterFirst = new(1, 1);

    private CuttingProxy _proxy = null!;
    private PostgresJournal _journal = null!;
    private PostgresJournal _other = null!;

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        _proxy = new CuttingProxy(Server.Port);
        _other = await OpenAsync();
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        await DisposeAsync();
        await _proxy.DisposeAsync();
    }

    [Theory]
    [InlineData(10)]
    [InlineData(300_000)]
    public async Task Append_AnswerIsLost_IsFoundAndStoredOnce(int bytes)
    {
        await OpenWithOneAppendAsync();
        var cut = _proxy.CutAnswer();

        await _journal.AppendAsync(Key, AfterFirst, 1, Bytes(2, bytes), Token);

        Assert.True(cut.IsCompleted);
        await AssertHoldsAsync((1, 10), (1, bytes));
        Assert.Equal((2, 0, 1), (_journal.Counters.Appends, _journal.Counters.Refused, _journal.Counters.Resolved));
        await _journal.AppendAsync(Key, 2, 1, Bytes(3, 10), Token);
    }

    [Fact]
    public async Task Append_RequestIsLost_IsSentAgain()
    {
        await OpenWithOneAppendAsync();
        var cut = _proxy.CutRequest();

        await _journal.AppendAsync(Key, AfterFirst, 1, Bytes(2, 10), Token);

        Assert.True(cut.IsCompleted);
        await AssertHoldsAsync((1, 10), (1, 10));
        Assert.Equal(1, _journal.Counters.Resolved);
    }

    [Fact]
    public async Task Append_AnswerOfTheFirstIsLost_BeginsTheLogOnce()
    {
        await OpenWithOneAppendAsync();
        var (lost, sentAgain) = (KeyOf(2), KeyOf(3));
        _ = _proxy.CutAnswer();
        await _journal.AppendAsync(lost, 0, 5, Bytes(1, 10), Token);
        _ = _proxy.CutRequest();
        await _journal.AppendAsync(sentAgain, 0, 5, Bytes(1, 10), Token);

        Assert.Single(await ReadAsync(_other, lost));
        Assert.Single(await ReadAsync(_other, sentAgain));
        Assert.Equal([Key.Id, lost.Id, sentAgain.Id], await _other.ListAsync("default", null, 10, Token));
        Assert.Equal(2, _journal.Counters.Resolved);
    }

    [Fact]
    public async Task Append_RequestIsLostAndAnotherWritesMeanwhile_IsRefused()
    {
        await OpenWithOneAppendAsync();
        var cut = _proxy.CutRequest();
        _proxy.IsClosed = true;
        var append = _journal.AppendAsync(Key, AfterFirst, 1, Bytes(2, 10), Token).AsTask();
        await cut;
        await _other.AppendAsync(Key, AfterFirst, 2, Bytes(3, 20), Token);
        _proxy.IsClosed = false;

        await Assert.ThrowsAsync<PositionTakenException>(() => append);

        await AssertHoldsAsync((1, 10), (2, 20));
        Assert.Equal((1, 1), (_journal.Counters.Refused, _journal.Counters.Resolved));
    }

    [Fact]
    public async Task Append_AnswerIsLostAndAnotherWritesBehindIt_IsStored()
    {
        await OpenWithOneAppendAsync();
        var cut = _proxy.CutAnswer();
        _proxy.IsClosed = true;
        var append = _journal.AppendAsync(Key, AfterFirst, 1, Bytes(2, 10), Token).AsTask();
        await cut;
        await _other.AppendAsync(Key, new JournalEnd(2, 1), 2, Bytes(3, 20), Token);
        _proxy.IsClosed = false;

        await append;

        await AssertHoldsAsync((1, 10), (1, 10), (2, 20));
    }

    [Fact]
    public async Task Appends_ManyInOneTransactionWhoseAnswerIsLost_AreAllFound()
    {
        await OpenWithOneAppendAsync(writers: 1);
        await _journal.AppendAsync(KeyOf(2), 0, 1, Bytes(1, 10), Token);
        await using var firstRow = await LockAsync(Key);
        await using var secondRow = await LockAsync(KeyOf(2));

        // While the only writer waits for one row, the others gather; their transaction then waits for another.
        var first = _journal.AppendAsync(Key, AfterFirst, 1, Bytes(2, 10), Token).AsTask();
        await UntilWaitingAsync();
        var appends = Enumerable.Range(2, 100).Select(i => _journal.AppendAsync(
            KeyOf(i), i == 2 ? AfterFirst : JournalEnd.None, 1, Bytes(1, 10), Token).AsTask()).ToList();
        await firstRow.CloseAsync();
        await first;
        var cut = _proxy.CutAnswer();
        await secondRow.CloseAsync();
        await Task.WhenAll(appends);

        Assert.True(cut.IsCompleted);
        Assert.Equal(101, (await _other.ListAsync("default", null, 200, Token)).Count);
        Assert.Equal((103, 0), (_journal.Counters.Appends, _journal.Counters.Refused));
        Assert.Equal(100, _journal.Counters.Resolved);
        Assert.All(await ReadAsync(_other, KeyOf(2)), entry => Assert.Equal(1UL, entry.Writer));
    }

    [Fact]
    public async Task Append_ServerStaysAway_SaysThatTheOutcomeIsNotKnown_AndGoesOnOnceItIsBack()
    {
        await OpenWithOneAppendAsync(reconnectSeconds: 0.3);
        _ = _proxy.CutAnswer();
        _proxy.IsClosed = true;

        var failure = await Assert.ThrowsAsync<JournalUnavailableException>(
            async () => await _journal.AppendAsync(Key, AfterFirst, 1, Bytes(2, 10), Token));

        Assert.EndsWith("Whether the append was stored is not known.", failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, _journal.Counters.FailedTransactions);
        await Assert.ThrowsAsync<JournalUnavailableException>(() => ReadAsync(_journal, Key));
        await Assert.ThrowsAsync<JournalUnavailableException>(
            async () => await _journal.ListAsync("default", null, 10, Token));

        _proxy.IsClosed = false;
        Assert.Equal(2, (await ReadAsync(_journal, Key)).Count);
        await _journal.AppendAsync(Key, 2, 1, Bytes(3, 10), Token);
    }

    [Fact]
    public async Task Delete_AnswerOrRequestIsLost_IsDone()
    {
        await OpenWithOneAppendAsync();
        await _journal.AppendAsync(KeyOf(2), 0, 1, Bytes(1, 10), Token);
        _ = _proxy.CutAnswer();
        await _journal.DeleteAsync(Key, AfterFirst, Token);
        _ = _proxy.CutRequest();
        await _journal.DeleteAsync(KeyOf(2), AfterFirst, Token);

        Assert.Empty(await _other.ListAsync("default", null, 10, Token));
    }

    [Fact]
    public async Task Read_AnswerOrRequestIsLost_GivesEverythingAllTheSame()
    {
        // Six pages, of which the reader asks for one ahead.
        const int count = 1_500;
        await OpenWithOneAppendAsync();
        for (var i = 1; i < count; i++)
        {
            await _other.AppendAsync(Key, i, 1, Bytes(i, 10), Token);
        }

        _ = await ReadAsync(_journal, Key);
        await using var reading = _journal.ReadAsync(Key, JournalEnd.None, Token).GetAsyncEnumerator(Token);
        Assert.True(await reading.MoveNextAsync());
        _ = _proxy.CutAnswer();
        var next = 1L;
        while (await reading.MoveNextAsync())
        {
            Assert.Equal(next++, reading.Current.Position);
            _ = next == count / 2 ? _proxy.CutRequest() : null;
        }

        Assert.Equal(count, next);
        Assert.Equal(2, _journal.Counters.Reconnects);
    }

    [Fact]
    public async Task Append_CancelledWhileItWaitsForTheServer_IsCancelledAndNeverStored()
    {
        await OpenWithOneAppendAsync(writers: 1);
        var cut = _proxy.CutRequest();
        _proxy.IsClosed = true;
        var taken = _journal.AppendAsync(Key, AfterFirst, 1, Bytes(2, 10), Token).AsTask();
        await cut;
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var waiting = _journal.AppendAsync(KeyOf(2), 0, 1, Bytes(1, 10), cancel.Token).AsTask();

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        _proxy.IsClosed = false;
        await taken;
        Assert.Equal([Key.Id], await _other.ListAsync("default", null, 10, Token));
    }

    /// <summary>A journal behind the proxy, whose connections are there and whose statements are prepared.</summary>
    private async Task OpenWithOneAppendAsync(double reconnectSeconds = 10, int writers = 4)
    {
        _journal = await OpenAsync(_proxy.Port, reconnectSeconds, writers: writers);
        await _journal.AppendAsync(Key, 0, 1, Bytes(1, 10), Token);
    }

    private async Task AssertHoldsAsync(params (ulong Writer, int Bytes)[] expected) =>
        Assert.Equal(expected, (await ReadAsync(_other, Key)).Select(e => (e.Writer, e.Records.Length)));
}
