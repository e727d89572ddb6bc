using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Silo.Usage;

/// <summary>Reports what this process has counted, every 10 seconds and when it stops.</summary>
internal sealed partial class TenantReporting(TenantUsage usage, ITenantTotals totals, TimeProvider time,
    ILogger<TenantReporting> logger) : IHostedService, IDisposable
{
    // A process that dies loses what it counted since its last report. Each report is a write to the database.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // Calls at a time, and how long the last may hold up the process's stop.
    private const int CallsMax = 8;
    private static readonly TimeSpan LastTime = TimeSpan.FromSeconds(5);

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
        using var late = new CancellationTokenSource(LastTime, time);
        using var last = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);

        // The first repeats reports whose answer the stop cut off. The second holds what was counted since.
        await ReportAsync(last.Token);
        await ReportAsync(last.Token);
        if (usage.Take() is { Count: > 0 } untold)
        {
            LogLost(logger, untold.Count);
        }
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
            await totals.AddAsync(tenant, report, cancellationToken);
            usage.Told(tenant);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // It comes again with the next.
            LogFailed(logger, e);
        }
    }

    [LoggerMessage(430, LogLevel.Warning, "What a tenant used could not be added to its totals; it is tried again.")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(431, LogLevel.Warning, "The process stops, and what {Tenants} tenants used could not be added to " +
        "their totals in time: it may be missing there.")]
    private static partial void LogLost(ILogger logger, int tenants);
}
