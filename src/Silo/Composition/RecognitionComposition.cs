using System.Diagnostics.Metrics;
using System.Globalization;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Frontend;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Silo.Composition;

/// <summary>Registers what recognises histories that clients send again.</summary>
internal static class RecognitionComposition
{
    /// <summary>Adds it where the settings ask for it. Both hosts look for the index and do without.</summary>
    /// <param name="services">Where it is added.</param>
    /// <param name="configuration">The settings.</param>
    /// <param name="isHost">Whether conversations live in this process.</param>
    public static void AddRecognition(
        this IServiceCollection services, IConfiguration configuration, bool isHost)
    {
        var options = services.AddSettings<RecognitionOptions>(configuration, EvergrainOptions.Section);
        foreach (var tenant in configuration.GetSection(TenantOptions.Section).GetChildren())
        {
            // A value that is none of them is reported with the tenant's other settings.
            if (tenant[nameof(TenantOptions.Recognition)] is { Length: > 0 } recognition)
            {
                options.Set(tenant.Key, recognition);
            }

            if (TimeSpan.TryParse(
                tenant[nameof(TenantOptions.UnstoredGrace)], CultureInfo.InvariantCulture, out var grace))
            {
                options.SetGrace(tenant.Key, grace);
            }
        }

        if (options.IsOn)
        {
            services.AddSingleton(options).AddSingleton<LastingIndex>().AddSingleton<RecognitionIndex>();
            if (isHost)
            {
                services.AddHostedService<FillService>();
            }
        }
    }

    /// <summary>Indexes conversations of before while the process serves.</summary>
    private sealed class FillService(IServiceProvider provider) : IHostedService
    {
        private HistoryFill? _fill;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            _fill = new HistoryFill(
                (provider.GetRequiredService<IJournal>(), provider.GetRequiredService<IHistoryStore>()),
                provider.GetRequiredService<RecognitionOptions>(),
                provider.GetRequiredService<IMeterFactory>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<HistoryFill>>());
            return Task.CompletedTask;
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            if (_fill is not null)
            {
                await _fill.DisposeAsync();
            }
        }
    }
}
