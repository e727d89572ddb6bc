using Evergrain.Silo.Composition;
using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>A stop that takes too long.</summary>
public sealed class StopBoundTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<string> _said = [];

    public void Dispose() => _stopping.Dispose();

    [Fact]
    public async Task Stop_LongerThanItMayTake_EndsTheProcessWithALine()
    {
        using var bound = new StopBound(_time, _said.Add);
        bound.Watch(_stopping.Token, TimeSpan.FromSeconds(75));
        _time.Advance(TimeSpan.FromHours(1));
        await _stopping.CancelAsync();
        _time.Advance(TimeSpan.FromSeconds(74));
        Assert.Empty(_said);

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(["evergrain: its stop took longer than 75 s, so it ends now; running turns end as interrupted."],
            _said);
    }

    [Fact]
    public async Task Stop_ThatEndsInTime_EndsNothingElse()
    {
        using (var bound = new StopBound(_time, _said.Add))
        {
            bound.Watch(_stopping.Token, TimeSpan.FromSeconds(75));
            await _stopping.CancelAsync();
        }

        _time.Advance(TimeSpan.FromHours(1));
        Assert.Empty(_said);
    }
}
