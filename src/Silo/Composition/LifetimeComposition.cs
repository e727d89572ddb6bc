using System.Diagnostics.Metrics;
using System.Globalization;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Silo.Composition;

/// <summary>Registers what ends the lifetimes of responses.</summary>
internal static class LifetimeComposition
{
    /// <summary>Adds it. A start without a lifetime takes note of that too.</summary>
    /// <param name="services">Where it is added.</param>
    /// <param name="configuration">The settings.</param>
    /// <param name="isHost">Whether conversations live in this process.</param>
    public static void AddLifetimes(this IServiceCollection services, IConfiguration configuration, bool isHost)
    {
        var lifetimes = Read(configuration);
        if (lifetimes.Rules.Count > 0)
        {
            // Both hosts look for it and do without.
            services.AddSingleton(lifetimes);
        }

        if (isHost)
        {
            services.AddSingleton<IHostedService>(provider => new LifetimeService(provider, lifetimes));
        }
    }

    /// <summary>What the settings say. A value that is no time is reported with the tenant's other settings.</summary>
    public static ResponseLifetimes Read(IConfiguration configuration)
    {
        var lifetimes = new ResponseLifetimes();
        foreach (var tenant in configuration.GetSection(TenantOptions.Section).GetChildren())
        {
            if (TimeSpan.TryParse(tenant[nameof(TenantOptions.ResponseLifetime)], CultureInfo.InvariantCulture,
                out var lifetime))
            {
                lifetimes.Set(tenant.Key, lifetime);
            }
        }

        return lifetimes;
    }

    /// <summary>Has the lifetimes count before requests come, and sweeps while the process serves.</summary>
    private sealed class LifetimeService(IServiceProvider provider, ResponseLifetimes lifetimes) : IHostedService
    {
        private LifetimeSweep? _sweep;

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            var journal = provider.GetRequiredService<IJournal>();
            var store = (ILifetimeStore)journal;
            var time = provider.GetRequiredService<TimeProvider>();
            var now = time.GetUtcNow();
            var kept = await store.KeepLifetimesAsync(lifetimes.Rules, now, cancellationToken);
            lifetimes.Use(kept);
            if (kept.Count > 0)
            {
                var sources = new LifetimeSources(journal, store, provider.GetRequiredService<WarmCalls>())
                {
                    Begun = [.. kept.Where(rule => rule.BeginsAt(now))],
                };
                _sweep = new LifetimeSweep(sources, lifetimes, provider.GetRequiredService<IMeterFactory>(), time,
                    provider.GetRequiredService<ILogger<LifetimeSweep>>());
            }
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            if (_sweep is not null)
            {
                await _sweep.DisposeAsync();
            }
        }
    }
}
