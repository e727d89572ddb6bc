using Evergrain.Frontend;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;

namespace Evergrain.Silo.Composition;

/// <summary>The beginning and the end of a server, whatever its role.</summary>
internal static class ServerLife
{
    /// <summary>Reports every mistake in the settings, before anything is opened.</summary>
    /// <exception cref="OptionsValidationException">There is a mistake; it holds all of them.</exception>
    public static void CheckSettings(this WebApplication app) =>
        _ = app.Services.GetRequiredService<IOptions<EvergrainOptions>>().Value;

    /// <summary>Begins to count. What instruments are told before is in no metric.</summary>
    public static void BeginMetrics(this WebApplication app) => app.Services.GetRequiredService<MeterProvider>();

    /// <summary>
    /// Serves until the process is told to stop, or another process has taken the journal: then it stops in order.
    /// </summary>
    /// <exception cref="Evergrain.Conversations.Ports.JournalUnavailableException">Another process has it.</exception>
    public static async Task ServeAsync(this WebApplication app, JournalComposition journal,
        CancellationToken cancellationToken)
    {
        var (stopped, lost) = (app.WaitForShutdownAsync(cancellationToken), journal.Lost);
        if (await Task.WhenAny(stopped, lost) == lost)
        {
            app.Lifetime.StopApplication();
        }

        await stopped;
        if (lost.IsFaulted)
        {
            await lost;
        }
    }
}
