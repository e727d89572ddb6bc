using System.Diagnostics;
using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>A body on its way out: its bytes, its length, and what copying it costs.</summary>
public sealed class BodyContentTests
{
    private const int ItemBytes = 2_000;

    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(false, 1)]
    [InlineData(true, 100)]
    [InlineData(false, 100)]
    public async Task Body_OfAnyShape_IsHeadContextAndTailWithExactLength(bool skipsComma, int items)
    {
        using var fixture = ServerFixture.Over("http://127.0.0.1:1/v1");
        var body = Body(items) with { Skipped = skipsComma && items > 0 ? 1 : 0 };
        using var content = Content(fixture, body);

        var written = await content.ReadAsByteArrayAsync();

        var context = string.Concat(body.Context.Chunks().Select(static chunk => Encoding.UTF8.GetString(chunk.Span)));
        Assert.Equal("{[" + context[(skipsComma && items > 0 ? 1 : 0)..] + "]}", Encoding.UTF8.GetString(written));
        Assert.Equal(written.Length, content.Headers.ContentLength);
        Assert.Equal(written.Length, fixture.Count("evergrain.body.copied"));
    }

    [Fact]
    public async Task Body_WithEmptyAndLongPieces_IsWhole()
    {
        using var fixture = ServerFixture.Over("http://127.0.0.1:1/v1");
        ReadOnlyMemory<byte>[] chunks =
            [default, Encoding.UTF8.GetBytes("," + new string('a', 300_000)), default, Encoding.UTF8.GetBytes(",b")];
        using var content = Content(fixture, Body(chunks) with { Skipped = 1 });

        Assert.Equal("{[" + new string('a', 300_000) + ",b]}", await content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Copy_OfTenThousandItems_AllocatesLessThan64KilobytesAndIsFast()
    {
        using var fixture = ServerFixture.Over("http://127.0.0.1:1/v1");
        var body = Body(10_000);
        await CopyAsync(fixture, body);

        var (allocated, fastest) = (0L, TimeSpan.MaxValue);
        for (var i = 0; i < 10; i++)
        {
            var (before, begun) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
            await CopyAsync(fixture, body);
            allocated = Math.Max(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
            var elapsed = Stopwatch.GetElapsedTime(begun);
            fastest = elapsed < fastest ? elapsed : fastest;
        }

        // The bound of the allocation is the issue's; that of the time leaves room for a machine that is busy.
        Assert.InRange(allocated, 0, 16_000);
        Assert.True(body.Context.Bytes / fastest.TotalSeconds > 500e6, $"{fastest} for {body.Context.Bytes} bytes");
    }

    private static async Task CopyAsync(ServerFixture fixture, RequestBody body)
    {
        using var content = Content(fixture, body);
        await content.CopyToAsync(Stream.Null);
    }

    private static BodyContent Content(ServerFixture fixture, RequestBody body) =>
        new(body, TimeProvider.System, fixture.Services.Instruments);

    /// <summary>A body as a conversation makes it: its items are in segments.</summary>
    private static RequestBody Body(int items)
    {
        var rendered = Encoding.UTF8.GetBytes("," + new string('x', ItemBytes - 1));
        SegmentView? view = null;
        for (var i = 0; i < items; i += 128)
        {
            var segment = new RenderedItem[Math.Min(128, items - i)];
            for (var j = 0; j < segment.Length; j++)
            {
                segment[j] = new RenderedItem(new Rendered(rendered.ToArray(), 1, null), 0, 0);
            }

            view = new SegmentView(view, segment, segment.Length);
        }

        return Body(new ContextView(view, [])
        {
            ItemCount = items, Bytes = (long)items * ItemBytes, Tokens = items, State = null,
        });
    }

    private static RequestBody Body(ReadOnlyMemory<byte>[] chunks) => Body(new ContextView(null, chunks)
    {
        ItemCount = chunks.Length, Bytes = chunks.Sum(static chunk => (long)chunk.Length), Tokens = 1, State = null,
    });

    private static RequestBody Body(ContextView context) => new("{["u8.ToArray(), context, "]}"u8.ToArray());
}
