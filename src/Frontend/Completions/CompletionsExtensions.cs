using Evergrain.Frontend.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Completions;

/// <summary>Registers what answers requests for chat completions, and maps its paths.</summary>
internal static class CompletionsExtensions
{
    public static IServiceCollection AddCompletions(this IServiceCollection services) =>
        services
            .AddSingleton<CompletionEndpoint>().AddSingleton<StoredCompletions>().AddSingleton<CompletionList>();

    public static void MapCompletions(this IEndpointRouteBuilder routes)
    {
        var create = routes.ServiceProvider.GetRequiredService<CompletionEndpoint>();
        var rates = routes.ServiceProvider.GetRequiredService<RateHeaders>();
        routes.MapPost("/v1/chat/completions", (RequestDelegate)(context =>
        {
            rates.Announce(context);
            return create.InvokeAsync(context);
        }));
        var stored = routes.ServiceProvider.GetRequiredService<StoredCompletions>();
        var list = routes.ServiceProvider.GetRequiredService<CompletionList>();
        routes.MapGet("/v1/chat/completions", (RequestDelegate)list.InvokeAsync);
        routes.MapPost("/v1/chat/completions/{id}", (RequestDelegate)stored.ChangeAsync);
        routes.MapGet("/v1/chat/completions/{id}", (RequestDelegate)stored.GetAsync);
        routes.MapDelete("/v1/chat/completions/{id}", (RequestDelegate)stored.DeleteAsync);
        routes.MapGet("/v1/chat/completions/{id}/messages", (RequestDelegate)stored.ListMessagesAsync);
    }
}
