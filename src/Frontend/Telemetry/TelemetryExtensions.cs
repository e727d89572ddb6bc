using Evergrain.Frontend.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Telemetry;

/// <summary>Registers the instruments, and maps their path.</summary>
internal static class TelemetryExtensions
{
    public static IServiceCollection AddTelemetry(this IServiceCollection services) => services
        .AddMetrics()
        .AddSingleton<RefusalLog>()
        .AddSingleton<TurnReports>()
        .AddSingleton<FrontendInstruments>()
        .AddSingleton<FaultReporter>()
        .AddSingleton<MetricsExposition>();

    public static void MapMetrics(this IEndpointRouteBuilder routes)
    {
        var metrics = routes.ServiceProvider.GetRequiredService<MetricsExposition>();
        routes.MapGet("/metrics", ((RequestDelegate)metrics.WriteAsync).ForOperators());
    }
}
