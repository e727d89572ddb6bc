using System.Net;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Access;

/// <summary>Registers who may enter, and the rules of who may listen where.</summary>
internal static class AccessExtensions
{
    public static IServiceCollection AddAccess(this IServiceCollection services) => services
        .AddSettingsRule(FindMistakes)
        .AddSettingsRule(OriginRules.FindMistakes)
        .AddSettingsRule(AuditSink.FindMistakes)
        .AddCors()
        .AddSingleton(static provider =>
            new OriginRules(provider.GetRequiredService<IOptions<EvergrainOptions>>().Value))
        .AddSingleton<PlaceRules>()
        .AddSingleton<AuditSink>()
        .AddSingleton<AuditLog>()
        .AddSingleton<AccessReports>()
        .AddSingleton<ApiKeyStore>()
        .AddHostedService(static provider => provider.GetRequiredService<AuditSink>())
        .AddHostedService(static provider => provider.GetRequiredService<ApiKeyStore>());

    /// <summary>
    /// Lets the pages of allowed origins read answers, errors too. A preflight is answered here and goes no further.
    /// Metrics stay out: without keys they answer this machine, where the browser runs as well.
    /// </summary>
    public static void UseAllowedOrigins(this WebApplication app)
    {
        var origins = app.Services.GetRequiredService<OriginRules>();
        if (!origins.IsEmpty)
        {
            var policy = origins.ToPolicy();
            app.UseWhen(static context => !context.Request.Path.IsMetrics(),
                branch => branch.UseMiddleware<CorsMiddleware>(policy));
        }
    }

    /// <summary>Reads the address to listen on.</summary>
    public static bool TryParseAddress(string text, out IPAddress address)
    {
        address = IPAddress.Loopback;
        return text.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(text, out address!);
    }

    private static List<string> FindMistakes(EvergrainOptions options)
    {
        var mistakes = new List<string>();
        ApiKeySet.Load(options, mistakes);
        if (!TryParseAddress(options.Address, out var address))
        {
            mistakes.Add($"Address: '{options.Address}' is neither an IP address nor localhost.");
        }
        else if (!IPAddress.IsLoopback(address) && !options.HasKeys)
        {
            mistakes.Add($"Address: without API keys the server listens on loopback only, not on {options.Address}; " +
                "give --api-key or --api-keys.");
        }

        return mistakes;
    }
}
