using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Http;

/// <summary>Registers what answers requests of HTTP, and maps its paths.</summary>
internal static class HttpExtensions
{
    public static IServiceCollection AddHttp(this IServiceCollection services) => services
        .AddSingleton<RequestBodies>()
        .AddSingleton<HttpCreates>()
        .AddSingleton<CreateEndpoint>()
        .AddSingleton<ResponsesEndpoints>()
        .AddSingleton<RateHeaders>()
        .AddSingleton<ModelsEndpoints>()
        .AddSingleton<ConversationEndpoints>()
        .AddSingleton<ConversationListEndpoint>()
        .AddSingleton<ConversationLiveEndpoint>()
        .AddSingleton<TenantErasureEndpoint>();

    public static IServiceCollection AddHealth(this IServiceCollection services) =>
        services.AddSingleton<HealthEndpoints>();

    public static void MapResponses(this IEndpointRouteBuilder routes)
    {
        var responses = routes.ServiceProvider.GetRequiredService<ResponsesEndpoints>();
        var create = routes.ServiceProvider.GetRequiredService<CreateEndpoint>();
        var rates = routes.ServiceProvider.GetRequiredService<RateHeaders>();
        routes.MapPost("/v1/responses", (RequestDelegate)(context =>
        {
            rates.Announce(context);
            return create.InvokeAsync(context);
        }));
        routes.MapGet("/v1/responses/{id}", (RequestDelegate)responses.GetAsync);
        routes.MapDelete("/v1/responses/{id}", (RequestDelegate)responses.DeleteAsync);
        routes.MapPost("/v1/responses/{id}/cancel", (RequestDelegate)responses.CancelAsync);
        routes.MapGet("/v1/responses/{id}/input_items", (RequestDelegate)responses.ListInputItemsAsync);
    }

    public static void MapModels(this IEndpointRouteBuilder routes)
    {
        var models = routes.ServiceProvider.GetRequiredService<ModelsEndpoints>();
        routes.MapGet("/v1/models", (RequestDelegate)models.ListAsync);
        routes.MapGet("/v1/models/{**id}", (RequestDelegate)models.GetAsync);
    }

    public static void MapConversations(this IEndpointRouteBuilder routes)
    {
        var conversations = routes.ServiceProvider.GetRequiredService<ConversationEndpoints>();
        var list = routes.ServiceProvider.GetRequiredService<ConversationListEndpoint>();
        var live = routes.ServiceProvider.GetRequiredService<ConversationLiveEndpoint>();
        routes.MapGet("/evergrain/conversations", (RequestDelegate)list.InvokeAsync);
        routes.MapGet("/evergrain/conversations/{id}/live", (RequestDelegate)live.InvokeAsync);
        routes.MapGet("/evergrain/conversations/{id}/context", (RequestDelegate)conversations.GetContextAsync);
        routes.MapGet("/evergrain/conversations/{id}/turns", (RequestDelegate)conversations.ListTurnsAsync);
        routes.MapGet("/evergrain/conversations/{id}/verify", (RequestDelegate)conversations.VerifyAsync);
        var erasure = routes.ServiceProvider.GetRequiredService<TenantErasureEndpoint>();
        routes.MapDelete("/evergrain/tenants/{tenant}/conversations", (RequestDelegate)erasure.InvokeAsync);
    }

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var health = routes.ServiceProvider.GetRequiredService<HealthEndpoints>();
        routes.MapRead("/health/live", health.LiveAsync);
        routes.MapRead("/health/ready", health.ReadyAsync);
    }

    /// <summary>
    /// Maps GET, and HEAD for those who look only at the status. The web server leaves the body out there.
    /// </summary>
    public static void MapRead(this IEndpointRouteBuilder routes, string path, RequestDelegate answer) =>
        routes.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], answer);

    public static void MapDocument(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/openapi.json", (RequestDelegate)OpenApiDocument.WriteAsync);
}
