using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Evergrain.Grains.Tenants;

/// <summary>Tells the tenants' grains what this silo has counted, now and then and when it stops.</summary>
internal sealed partial class TenantReporting(TenantUsage usage, IGrainFactory grains, TimeProvider time,
    ILogger<TenantReporting> logger) : IHostedService, IDisposable
{
    // What a silo that dies takes along. Each report is a write to the database.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // Calls at a time, and how long the last may hold up the silo's stop.
    private const int CallsMax = 8;
    private static readonly TimeSpan LastTime = TimeSpan.FromSeconds(3);

    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _running = RunAsync(_stopping.Token);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _running;
        using var last = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        last.CancelAfter(LastTime);
        await ReportAsync(last.Token);
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                await ReportAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The last report is the stop's.
        }
    }

    private async Task ReportAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Parallel.ForEachAsync(usage.Take(),
                new ParallelOptions { MaxDegreeOfParallelism = CallsMax, CancellationToken = cancellationToken },
                async (one, token) => await ReportAsync(one.Tenant, one.Report, token));
        }
        catch (OperationCanceledException)
        {
            // Told to stop, or not done in time.
        }
    }

    // One that fails holds up no other.
    private async Task ReportAsync(string tenant, TenantReport report, CancellationToken cancellationToken)
    {
        try
        {
            var grain = grains.GetGrain<ITenantGrain>(TenantGrainKey.Format(tenant));
            await grain.Add(report).WaitAsync(cancellationToken);
            usage.Told(tenant);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // It comes again with the next.
            LogFailed(logger, e);
        }
    }

    [LoggerMessage(430, LogLevel.Warning, "What was counted could not be told to a tenant's grain; it is tried again.")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
