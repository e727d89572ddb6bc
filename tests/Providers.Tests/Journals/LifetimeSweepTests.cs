using System.Diagnostics.Metrics;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

public sealed class LifetimeSweepTests
{
    [Fact]
    public async Task Sweep_AfterTheStart_ComesSoon_AndThenEachHour()
    {
        var time = new ManualTime();
        var lifetimes = new ResponseLifetimes();
        lifetimes.Set(ResponseLifetimes.Others, TimeSpan.FromDays(30));
        await using var journal = new InMemoryJournal();
        await using var meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var sweeps = 0;
        var warm = new WarmCalls(static _ => null) { IsSweeper = () => ++sweeps > 0 };
        var (soon, hour) = (time.ArmedAsync(TimeSpan.FromMinutes(1)), time.ArmedAsync(TimeSpan.FromHours(1)));
        await using var sweep = new LifetimeSweep(new LifetimeSources(journal, journal, warm), lifetimes,
            meters.GetRequiredService<IMeterFactory>(), time, NullLogger<LifetimeSweep>.Instance);
        await soon;
        Assert.Equal(0, sweeps);

        time.Advance(TimeSpan.FromMinutes(1));

        await hour;
        Assert.Equal(1, sweeps);
    }
}
