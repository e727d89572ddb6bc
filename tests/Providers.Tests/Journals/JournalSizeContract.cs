using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What every journal promises of appends that are large, and of logs that are long.</summary>
public abstract class JournalSizeContract : JournalLogContract
{
    private const int LongLog = 10_000;

    // Appends at the two ends of a long log whose cost is compared, in slices: a store also writes for itself now and
    // then, as PostgreSQL does at a checkpoint and in a vacuum, and the median slice has none of that.
    private const int Sample = 1_000;
    private const int Slice = 50;
    private const int UsualBytes = 500;

    // Flat, as docs/performance.md means it.
    private const double CostRatioMax = 1.2;

    [Theory]
    [InlineData(16 << 20)]
    [InlineData(JournalBounds.AppendBytesMax)]
    public async Task Append_Large_ComesBackWhole(int size)
    {
        var key = NewKey();
        var bytes = Bytes(4, size);
        await Journal.AppendAsync(key, 0, 1, bytes, Token);
        await Journal.AppendAsync(key, 1, 1, Bytes(5, 10), Token);

        var entries = await ReadAllAsync(key);

        Assert.True(entries[0].Records.Span.SequenceEqual(bytes));
        Assert.Equal(Bytes(5, 10), entries[1].Records.ToArray());
    }

    [Fact]
    public async Task Log_OfTenThousandAppends_ComesBackWholeAndItsLastCostNoMoreThanItsFirst()
    {
        var key = NewKey();
        await FillAsync(key, Sample, UsualBytes);
        var first = await CostOfSliceAsync(key, Sample);
        await ExtendAsync(key, 2 * Sample, LongLog - Sample);
        var last = await CostOfSliceAsync(key, LongLog - Sample);

        var entries = await ReadAllAsync(key);
        Assert.Equal(Enumerable.Range(0, LongLog).Select(i => (long)i), entries.Select(e => e.Position));
        Assert.All(entries, e => Assert.Equal(Bytes((int)e.Position, UsualBytes), e.Records.ToArray()));
        Assert.Equal(LongLog - 1, Assert.Single(await ReadAllAsync(key, LongLog - 1)).Position);
        Assert.InRange(first, Slice * UsualBytes, long.MaxValue);
        Assert.True(last <= first * CostRatioMax, $"{Slice} appends cost {first} bytes at first, {last} at last");
    }

    /// <summary>
    /// Bytes that the store wrote so far, or, where it writes none, that it allocated: what appends cost, without a
    /// clock.
    /// </summary>
    protected abstract Task<long> CostAsync();

    /// <summary>Extends the log by a sample; gives what the median slice of it cost.</summary>
    private async Task<long> CostOfSliceAsync(ConversationKey key, int from)
    {
        var costs = new List<long>();
        for (var slice = from; slice < from + Sample; slice += Slice)
        {
            var before = await CostAsync();
            await ExtendAsync(key, slice, slice + Slice);
            costs.Add(await CostAsync() - before);
        }

        costs.Sort();
        return costs[costs.Count / 2];
    }

    private async Task ExtendAsync(ConversationKey key, int from, int to)
    {
        for (var i = from; i < to; i++)
        {
            await Journal.AppendAsync(key, i, 1, Bytes(i, UsualBytes), Token);
        }
    }
}
