using Evergrain.Conversations.Recognition;
using Evergrain.Frontend;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Silo.Composition;

/// <summary>Registers what recognises histories that clients send again.</summary>
internal static class RecognitionComposition
{
    /// <summary>Adds it where the settings ask for it. Both hosts look for the index and do without.</summary>
    public static void AddRecognition(this IServiceCollection services, IConfiguration configuration)
    {
        var options = services.AddSettings<RecognitionOptions>(configuration, EvergrainOptions.Section);
        foreach (var tenant in configuration.GetSection(TenantOptions.Section).GetChildren())
        {
            // A value that is neither is reported with the tenant's other settings.
            if (tenant[nameof(TenantOptions.Recognition)] is { Length: > 0 } recognition)
            {
                options.Set(tenant.Key, recognition);
            }
        }

        if (options.IsOn)
        {
            services.AddSingleton(options).AddSingleton<LastingIndex>().AddSingleton<RecognitionIndex>();
        }
    }
}
