using Evergrain.Frontend.Access;
using Evergrain.Frontend.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Pages;

/// <summary>
/// Maps the server's own web pages. They are static and hold nothing of anybody: what a page shows, it asks for like
/// any other client, with the key that its user types.
/// </summary>
internal static class PagesExtensions
{
    private const string Folder = "/pages";
    private const string Inspector = "/inspect";

    /// <summary>
    /// A page may load and ask this server alone. It runs no script but its own files, and no frame holds it.
    /// </summary>
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
        "require-trusted-types-for 'script'; trusted-types 'none'";

    public static void MapPages(this IEndpointRouteBuilder routes)
    {
        var places = routes.ServiceProvider.GetRequiredService<PlaceRules>();
        routes.MapRead("/", Page(places, static _ => "index.html"));
        routes.MapRead(Inspector, Page(places, static _ => "inspect.html"));
        routes.MapRead($"{Folder}/{{name}}", Page(places, static context => (string)context.GetRouteValue("name")!));
    }

    /// <summary>Whether a path is one of theirs.</summary>
    public static bool IsPage(this PathString path) =>
        path == "/" || path == Inspector || path.StartsWithSegments(Folder, StringComparison.Ordinal);

    private static RequestDelegate Page(PlaceRules places, Func<HttpContext, string> name) => context =>
    {
        if (!places.ShowPages(context) || !PageFiles.All.TryGetValue(name(context), out var file))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";

        // After an upgrade the browser shows the new server's files.
        headers.CacheControl = "no-cache";
        context.Response.ContentType = file.ContentType;
        context.Response.ContentLength = file.Bytes.Length;
        return context.Response.Body.WriteAsync(file.Bytes, context.RequestAborted).AsTask();
    };
}
