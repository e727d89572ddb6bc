using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Holding;

/// <summary>How much a tenant may hold while others hold much or little.</summary>
public sealed class HoldingTests
{
    private const int MiB = 1 << 20;

    private readonly ProcessHolding _process = new(
        static () => new HoldingBounds(120 * MiB, 40 * MiB), static tenant => tenant == "small" ? MiB : long.MaxValue);

    [Fact]
    public void Tenant_Alone_MayHoldHalf()
    {
        Assert.Equal(60, Fill("a"));
    }

    [Fact]
    public void Tenants_ThatAllHoldMuch_HaveEqualSharesAndLeaveOne()
    {
        var tenants = Enumerable.Range(0, 20).Select(static i => $"t{i}").ToList();
        for (var round = 0; round < 120; round++)
        {
            tenants.ForEach(tenant => TryHold(tenant, MiB / 4));
        }

        // 120 MiB for 20 tenants and one that comes later.
        Assert.All(tenants, tenant => Assert.InRange(_process.Of(tenant).Bytes, 5 * MiB, 6 * MiB));
        Assert.True(TryHold("late", MiB));
    }

    [Fact]
    public void Create_OverTheBound_NamesWhatIsHeldAndWhatMayBe()
    {
        Fill("a");

        var refusal = Assert.Throws<ConversationException>(() => _process.Of("a").Enter(MiB)).Refusal;
        Assert.Equal(RefusalKind.MemoryExceeded, refusal.Kind);
        Assert.Contains($"{60 * MiB}", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_OfATenantThatHoldsNothing_IsRefusedAsOverload()
    {
        _process.Of("a").Change(120 * MiB);

        var refusal = Assert.Throws<ConversationException>(() => _process.Of("b").Enter(1)).Refusal;
        Assert.Equal(RefusalKind.Overloaded, refusal.Kind);
    }

    [Fact]
    public void Tenant_WithABoundOfItsOwn_EndsThere()
    {
        Assert.Equal(1, Fill("small"));
        Assert.Equal(MiB, _process.Of("small").Bytes);
    }

    [Fact]
    public void Turn_MayGrowBeyondWhatACreateMay_UpToTwiceWhatIsFree()
    {
        Fill("a");
        var a = _process.Of("a");
        Assert.Null(a.WhyNoGrowth());
        a.Change(20 * MiB);
        Assert.Null(a.WhyNoGrowth());
        a.Change(MiB);
        Assert.NotNull(a.WhyNoGrowth());

        // One that holds little grows all the same.
        _process.Of("b").Change(MiB);
        Assert.Null(_process.Of("b").WhyNoGrowth());
    }

    private int Fill(string tenant)
    {
        var held = 0;
        while (TryHold(tenant, MiB))
        {
            held++;
        }

        return held;
    }

    private bool TryHold(string tenant, long bytes)
    {
        try
        {
            _process.Of(tenant).Enter(bytes);
            _process.Of(tenant).Change(bytes);
            return true;
        }
        catch (ConversationException)
        {
            return false;
        }
    }
}
