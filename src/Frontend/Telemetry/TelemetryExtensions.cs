using System.Diagnostics.Metrics;
using Evergrain.Conversations.Timing;
using Evergrain.Frontend.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Evergrain.Frontend.Telemetry;

/// <summary>Registers the instruments and what exports them, and maps <c>GET /metrics</c>.</summary>
internal static class TelemetryExtensions
{
    private const string Service = "evergrain";

    public static IServiceCollection AddTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        services
            .AddMetrics()
            .AddSingleton<RefusalLog>()
            .AddSingleton<TurnReports>()
            .AddSingleton<FrontendInstruments>()
            .AddSingleton<FaultReporter>()
            .ConfigureOpenTelemetryMeterProvider(static (provider, metrics) => metrics.AddView(
                new ExportedMetrics(provider.GetRequiredService<IMeterFactory>()).View));
        var telemetry = services.AddOpenTelemetry().WithMetrics(static metrics => metrics
            .AddMeter(GenAi.SourceName, ExportedMetrics.Runtime, ExportedMetrics.Orleans)
            .AddPrometheusExporter(static prometheus =>
            {
                prometheus.ScopeInfoEnabled = false;

                // Whoever asks gets the numbers of now.
                prometheus.ScrapeResponseCacheDurationMilliseconds = 0;
            }));
        if (configuration[TelemetryExports.ServiceName] is null)
        {
            telemetry.ConfigureResource(static resource => resource.AddService(Service));
        }

        if (TelemetryExports.HasMetrics(configuration))
        {
            telemetry.WithMetrics(static metrics => metrics.AddOtlpExporter());
        }

        if (TelemetryExports.HasTraces(configuration))
        {
            telemetry.WithTracing(static traces => traces
                .AddSource(GenAi.SourceName, ExportedMetrics.Orleans + ".*")
                .AddOtlpExporter());
        }

        return services;
    }

    public static void MapMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapPrometheusScrapingEndpoint("/metrics")
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get]))
            .Add(static endpoint => endpoint.RequestDelegate = endpoint.RequestDelegate!.ForOperators());
}

/// <summary>What is exported beside <c>GET /metrics</c>: only what OpenTelemetry's own variables ask for.</summary>
internal static class TelemetryExports
{
    /// <summary>The variable that names this service.</summary>
    public const string ServiceName = "OTEL_SERVICE_NAME";

    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Whether metrics go to a collector.</summary>
    public static bool HasMetrics(IConfiguration configuration) => Has(configuration, "METRICS");

    /// <summary>Whether spans go to a collector.</summary>
    public static bool HasTraces(IConfiguration configuration) => Has(configuration, "TRACES");

    private static bool Has(IConfiguration configuration, string signal) =>
        configuration[Endpoint] is { Length: > 0 } ||
        configuration[$"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"] is { Length: > 0 };
}
