using System.Diagnostics.Metrics;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Timing;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Exporter;
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
            .AddSettingsRule(_ => TelemetryVariables.FindMistakes(configuration))
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
            telemetry.WithMetrics(metrics => metrics.AddOtlpExporter(
                otlp => TelemetryExports.AimMetrics(otlp, configuration)));
        }

        if (TelemetryExports.HasTraces(configuration))
        {
            services.AddSingleton(static provider => ContentOf(provider.GetRequiredService<AdmissionSettings>()));
            telemetry.WithTracing(traces => traces
                .AddSource(GenAi.SourceName, ExportedMetrics.Orleans + ".*")
                .AddOtlpExporter(otlp => TelemetryExports.AimTraces(otlp, configuration)));
        }

        return services;
    }

    public static void MapMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapPrometheusScrapingEndpoint("/metrics")
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get]))
            .Add(static endpoint => endpoint.RequestDelegate = endpoint.RequestDelegate!.ForOperators());

    private static SpanContent ContentOf(AdmissionSettings settings) =>
        new(tenant => settings.Current.Of(tenant).HasContentInSpans);
}

/// <summary>What is exported beside <c>GET /metrics</c>: only what OpenTelemetry's own variables ask for.</summary>
internal static class TelemetryExports
{
    /// <summary>The variable that names this service.</summary>
    public const string ServiceName = "OTEL_SERVICE_NAME";

    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string OfMetrics = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    private const string OfTraces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    /// <summary>Whether metrics go to a collector.</summary>
    public static bool HasMetrics(IConfiguration configuration) => Has(configuration, OfMetrics);

    /// <summary>Whether spans go to a collector.</summary>
    public static bool HasTraces(IConfiguration configuration) => Has(configuration, OfTraces);

    /// <summary>Sends metrics where their own variable says, which the exporter does not read itself.</summary>
    public static void AimMetrics(OtlpExporterOptions otlp, IConfiguration configuration) =>
        Aim(otlp, configuration[OfMetrics]);

    /// <summary>The same for spans.</summary>
    public static void AimTraces(OtlpExporterOptions otlp, IConfiguration configuration) =>
        Aim(otlp, configuration[OfTraces]);

    private static bool Has(IConfiguration configuration, string own) =>
        configuration[Endpoint] is { Length: > 0 } || configuration[own] is { Length: > 0 };

    // An endpoint that is set counts as a whole address: the signal's path is added to the common one alone.
    private static void Aim(OtlpExporterOptions otlp, string? own)
    {
        if (Uri.TryCreate(own, UriKind.Absolute, out var endpoint))
        {
            otlp.Endpoint = endpoint;
        }
    }
}
