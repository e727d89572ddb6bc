using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Lifetimes;

public sealed class ResponseLifetimesTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public void Cutoff_BeforeTheRuleHasLastedOnce_IsNone()
    {
        var lifetimes = Create(("*", 30));
        Assert.Null(lifetimes.CutoffOf("one", Start));
        Assert.Null(lifetimes.CutoffOf("one", Start + (30 * Day) - TimeSpan.FromMilliseconds(1)));
        Assert.Equal(Start.ToUnixTimeMilliseconds(), lifetimes.CutoffOf("one", Start + (30 * Day)));
        Assert.Equal((Start + Day).ToUnixTimeMilliseconds(), lifetimes.CutoffOf("one", Start + (31 * Day)));
    }

    [Fact]
    public void Cutoff_OfATenantWithARuleOfItsOwn_IsByThatRule()
    {
        var lifetimes = Create(("*", 30), ("short", 1), ("kept", 0));
        Assert.NotNull(lifetimes.CutoffOf("short", Start + Day));
        Assert.Null(lifetimes.CutoffOf("one", Start + Day));
        Assert.Null(lifetimes.CutoffOf("kept", Start + (1_000 * Day)));
        Assert.Equal(["*", "short"], lifetimes.Rules.Select(static rule => rule.Tenant).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Cutoff_WithoutARule_OrBeforeTheJournalSaidSince_IsNone()
    {
        Assert.Null(Create(("one", 1)).CutoffOf("two", Start + (1_000 * Day)));
        var unread = new ResponseLifetimes();
        unread.Set("*", Day);
        Assert.Null(unread.CutoffOf("one", Start + (1_000 * Day)));
    }

    // A clock that was set back must not bring anything forward.
    [Fact]
    public void Cutoff_WhereTheStartIsInTheFuture_IsNone() =>
        Assert.Null(Create(("*", 30)).CutoffOf("one", Start - (100 * Day)));

    private static ResponseLifetimes Create(params (string Tenant, int Days)[] rules)
    {
        var lifetimes = new ResponseLifetimes();
        foreach (var (tenant, days) in rules)
        {
            lifetimes.Set(tenant, days * Day);
        }

        lifetimes.Use(KeptLifetime.Next([], lifetimes.Rules, Start));
        return lifetimes;
    }
}
