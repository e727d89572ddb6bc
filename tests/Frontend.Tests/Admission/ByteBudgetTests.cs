using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Evergrain.Suites.Hosts;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>Which request may hold more bytes, which waits, and which is dropped.</summary>
public sealed class ByteBudgetTests(ITestOutputHelper output)
{
    private const int K = 1 << 10;
    private static readonly TimeSpan QueueTimeout = TimeSpan.FromSeconds(30);

    // 256 KiB in all, 128 of a tenant.
    private static readonly string Small =
        AdmissionHost.Json($$"""{"ReceivedBytesMax":{{256 * K}}}""", $$$"""{"*":{"ReceivedBytesMax":{{{128 * K}}}}}""");

    [Fact]
    public void Charge_WithRoom_GrowsAtOnceAndIsGivenBackOnce()
    {
        using var host = new AdmissionHost(Small);
        var charge = Charge(host, "a", 64 * K);
        Assert.True(charge.GrowAsync(60 * K, CancellationToken.None).IsCompletedSuccessfully);
        Assert.True(charge.GrowAsync(100 * K, CancellationToken.None).IsCompletedSuccessfully);
        Charge(host, "b", 28 * K);
        Assert.Equal(128 * K, host.Budget.Held);

        charge.Dispose();
        charge.Dispose();

        Assert.Equal(28 * K, host.Budget.Held);
    }

    [Fact]
    public async Task Charge_OverItsTenantsBytes_WaitsForItsTenantAlone()
    {
        using var host = new AdmissionHost(Small);
        var first = Charge(host, "a", 100 * K);
        var waiting = GrowAsync(host, "a", 32 * K);
        Charge(host, "b", 128 * K).Dispose();
        Assert.False(waiting.IsCompleted);

        // It came later, and would fit; but those of a tenant pass in order.
        var behind = GrowAsync(host, "a", 4 * K);
        Assert.False(behind.IsCompleted);

        first.Dispose();
        await Task.WhenAll(waiting, behind).WaitAsync(Waits.Patience);
        Assert.Equal((36 * K, 0), (host.Budget.Held, host.Budget.Waiting));
    }

    [Fact]
    public async Task Charges_OverAllBytes_PassWhereTheLeastIsHeld()
    {
        using var host = new AdmissionHost(Small);
        Charge(host, "a", 120 * K);
        Charge(host, "b", 60 * K);
        var freed = Charge(host, "c", 70 * K);
        var b = GrowAsync(host, "b", 40 * K);
        var d = GrowAsync(host, "d", 40 * K);

        freed.Dispose();

        await d.WaitAsync(Waits.Patience);
        Assert.False(b.IsCompleted);
    }

    [Fact]
    public async Task Charge_LongerThanAllowed_PassesAlone()
    {
        using var host = new AdmissionHost(Small);
        var other = Charge(host, "b", K);
        var charge = host.Budget.Open("a");
        var growing = charge.GrowAsync(64 << 20, CancellationToken.None).AsTask();
        Assert.False(growing.IsCompleted);
        other.Dispose();
        await growing.WaitAsync(Waits.Patience);

        var next = GrowAsync(host, "c", K);
        Assert.False(next.IsCompleted);
        charge.Dispose();
        await next.WaitAsync(Waits.Patience);
    }

    [Fact]
    public async Task Charges_HalfReadThatWaitForEachOther_EndInTime()
    {
        using var host = new AdmissionHost(Small);
        var (first, second) = (Charge(host, "a", 64 * K), Charge(host, "a", 64 * K));
        var one = first.GrowAsync(128 * K, CancellationToken.None).AsTask();
        host.Time.Advance(TimeSpan.FromSeconds(1));
        var two = second.GrowAsync(128 * K, CancellationToken.None).AsTask();

        host.Time.Advance(QueueTimeout - TimeSpan.FromSeconds(1));

        Assert.Equal(RefusalKind.TooManyRequests, (await one.RefusalAsync()).Kind);
        Assert.False(two.IsCompleted);
        first.Dispose();
        await two.WaitAsync(Waits.Patience);
        Assert.Equal(128 * K, host.Budget.Held);
    }

    [Fact]
    public async Task Charge_ThatWaitsAtEachStep_WaitsNoLongerInAll()
    {
        using var host = new AdmissionHost(Small);
        var (charge, first) = (Charge(host, "a", 32 * K), Charge(host, "b", 128 * K));
        var second = Charge(host, "c", 96 * K);
        var growing = charge.GrowAsync(64 * K, CancellationToken.None).AsTask();
        host.Time.Advance(TimeSpan.FromSeconds(20));
        second.Dispose();
        await growing.WaitAsync(Waits.Patience);
        await second.GrowAsync(64 * K, CancellationToken.None);
        growing = charge.GrowAsync(128 * K, CancellationToken.None).AsTask();

        host.Time.Advance(TimeSpan.FromSeconds(10));

        var refusal = await growing.RefusalAsync();
        Assert.Equal(RefusalKind.Overloaded, refusal.Kind);
        Assert.InRange(refusal.RetryAfter!.Value, TimeSpan.FromSeconds(1), QueueTimeout);
        Assert.Equal(64 * K, charge.Bytes);
        first.Dispose();
    }

    [Fact]
    public async Task Wait_Cancelled_LetsThoseBehindPass()
    {
        using var host = new AdmissionHost(Small);
        using var cancel = new CancellationTokenSource();
        Charge(host, "a", 100 * K);
        var cancelled = host.Budget.Open("a").GrowAsync(64 * K, cancel.Token).AsTask();
        var behind = GrowAsync(host, "a", 16 * K);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WaitAsync(Waits.Patience));
        await behind.WaitAsync(Waits.Patience);
        Assert.Equal(0, host.Budget.Waiting);
    }

    [Fact]
    public async Task Waiters_TooMany_AreRefusedAtOnce()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"WaitingTurnsMax":2}""",
            $$$"""{"*":{"ReceivedBytesMax":{{{64 * K}}}}}"""));
        Charge(host, "a", 64 * K);
        Assert.False(GrowAsync(host, "a", K).IsCompleted);

        Assert.Equal(RefusalKind.TooManyRequests, (await GrowAsync(host, "a", K).RefusalAsync()).Kind);
    }

    [Fact]
    public async Task Bounds_Raised_LetInWhoWaits()
    {
        using var host = new AdmissionHost(Small);
        Charge(host, "a", 128 * K);
        var waiting = GrowAsync(host, "a", K);

        host.Rewrite(AdmissionHost.Json("{}"));

        await waiting.WaitAsync(Waits.Patience);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(31142)]
    [InlineData(null)]
    public async Task Budget_AnySteps_KeepsItsBoundsAndLosesNothing(int? seed)
    {
        seed ??= Environment.ProcessId;
        output.WriteLine($"seed {seed}");
        var chance = new Random(seed.Value);
        using var host = new AdmissionHost(Small);
        var open = new List<(ByteCharge Charge, Task Growing)>();
        for (var step = 0; step < 3_000; step++)
        {
            var settled = open.FindAll(static request => request.Growing.IsCompleted);
            switch (chance.Next(10))
            {
                case < 4:
                    var charge = host.Budget.Open(((string[])["a", "b", "c"])[chance.Next(3)]);
                    open.Add((charge, charge.GrowAsync(chance.Next(1, 32) * K, CancellationToken.None).AsTask()));
                    break;
                case < 6 when settled.Count > 0:
                    var (grown, growing) = settled[chance.Next(settled.Count)];
                    open.Remove((grown, growing));
                    open.Add((grown, grown.GrowAsync(grown.Bytes * 2, CancellationToken.None).AsTask()));
                    break;
                case < 9 when settled.Count > 0:
                    var ended = settled[chance.Next(settled.Count)];
                    ended.Charge.Dispose();
                    open.Remove(ended);
                    break;
                case 9:
                    host.Time.Advance(TimeSpan.FromSeconds(chance.Next(1, 20)));
                    break;
            }

            var charges = open.ConvertAll(static request => request.Charge);
            AssertWithin(charges, 256 * K);
            foreach (var ofTenant in charges.GroupBy(static charge => charge.Tenant))
            {
                AssertWithin([.. ofTenant], 128 * K);
            }

            Assert.Equal(charges.Sum(static charge => charge.Bytes), host.Budget.Held);
        }

        host.Time.Advance(QueueTimeout);
        await Task.WhenAll(open.Select(static request =>
            request.Growing.ContinueWith(static _ => { }, TaskScheduler.Default))).WaitAsync(Waits.Patience);
        open.ForEach(static request => request.Charge.Dispose());
        Assert.Equal((0, 0), (host.Budget.Held, host.Budget.Waiting));
    }

    // Who is alone passes, however long it is.
    private static void AssertWithin(List<ByteCharge> charges, long max) => Assert.True(
        charges.Sum(static charge => charge.Bytes) <= max || charges.Count(static charge => charge.Bytes > 0) == 1,
        $"{string.Join(" + ", charges.Select(static charge => charge.Bytes))} bytes are held of {max}");

    private static ByteCharge Charge(AdmissionHost host, string tenant, int bytes)
    {
        var charge = host.Budget.Open(tenant);
        Assert.True(charge.GrowAsync(bytes, CancellationToken.None).IsCompletedSuccessfully);
        return charge;
    }

    private static Task GrowAsync(AdmissionHost host, string tenant, int bytes) =>
        host.Budget.Open(tenant).GrowAsync(bytes, CancellationToken.None).AsTask();
}
