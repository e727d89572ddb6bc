using Evergrain.Silo.Cluster;
using Evergrain.Silo.Membership;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>A process's clock beside that of its store.</summary>
[Collection(nameof(FaultFreePostgres))]
public sealed class StoreClockTests(PostgresServer postgres)
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly LogText _log = new();

    [Theory]
    [InlineData(31, "31 s ahead of PostgreSQL's, and a member of a cluster may differ by 30 s")]
    [InlineData(-31, "31 s behind PostgreSQL's, and a member of a cluster may differ by 30 s")]
    public async Task Start_OfAProcessFarOff_IsRefused(int ahead, string expected)
    {
        var there = _time.GetUtcNow() - TimeSpan.FromSeconds(ahead);
        using var clock = Clock(() => there);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => clock.CheckAsync(CancellationToken.None));

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Empty(_log.Lines);
    }

    [Theory]
    [InlineData(29)]
    [InlineData(-29)]
    public async Task Start_OfAProcessALittleOff_IsLetIn_AndSaidOnceUntilItIsRight(int ahead)
    {
        var there = _time.GetUtcNow() - TimeSpan.FromSeconds(ahead);
        using var clock = Clock(() => there);
        var expected = $"The clock of this process is 29 s {(ahead > 0 ? "ahead of" : "behind")} PostgreSQL's.";

        await clock.CheckAsync(CancellationToken.None);
        await clock.CompareAsync(CancellationToken.None);

        Assert.Equal(expected, clock.Remark);
        Assert.Contains(expected, Assert.Single(_log.Lines), StringComparison.Ordinal);

        there = _time.GetUtcNow();
        await clock.CompareAsync(CancellationToken.None);

        Assert.Null(clock.Remark);
        Assert.Contains("agrees with PostgreSQL's again", _log.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Process_WhoseClockIsMovedWhileItRuns_SaysSo()
    {
        var there = _time.GetUtcNow();
        using var clock = Clock(() => there);
        await clock.StartAsync(CancellationToken.None);
        var said = TimeProvider.System.GetTimestamp();

        while (clock.Remark is null)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(said) < Waits.Patience, "It was not said.");
            _time.Advance(StoreClock.Interval);
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }

        await clock.StopAsync(CancellationToken.None);
        Assert.Single(_log.Lines);
    }

    [Fact]
    public async Task Answer_ThatTookLong_MakesNoClockWrong()
    {
        using var clock = Clock(() =>
        {
            var there = _time.GetUtcNow();
            _time.Advance(TimeSpan.FromMinutes(1));
            return there;
        });

        await clock.CheckAsync(CancellationToken.None);

        Assert.Null(clock.Remark);
    }

    [Fact]
    [Trait("Needs", "Postgres")]
    public async Task Clock_OfPostgres_IsThisMachines()
    {
        var database = new ClusterDatabase(postgres.Url(await postgres.CreateDatabaseAsync()), "evergrain");
        using var right = new StoreClock(database.Name, database.ReadClockAsync, TimeProvider.System, Logger());
        await right.CheckAsync(CancellationToken.None);
        Assert.Null(right.Remark);

        using var wrong = new StoreClock(database.Name, database.ReadClockAsync,
            new FakeTimeProvider(TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1)), Logger());
        await Assert.ThrowsAsync<InvalidDataException>(() => wrong.CheckAsync(CancellationToken.None));
    }

    private StoreClock Clock(Func<DateTimeOffset> read) =>
        new("PostgreSQL", _ => Task.FromResult(read()), _time, Logger());

    private ILogger<StoreClock> Logger() =>
        LoggerFactory.Create(logging => logging.AddProvider(_log)).CreateLogger<StoreClock>();
}
