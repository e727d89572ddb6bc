using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>
/// <c>GET /openapi.json</c>: what this server serves, as OpenAPI 3.1. Kept by hand, beside this file.
/// </summary>
internal static class OpenApiDocument
{
    private static readonly byte[] Json = Read();

    public static Task WriteAsync(HttpContext context) => context.WriteJsonAsync(Json);

    private static byte[] Read()
    {
        using var resource = typeof(OpenApiDocument).Assembly.GetManifestResourceStream("openapi.json") ??
            throw new InvalidOperationException("The OpenAPI document is not in the assembly.");
        var json = new byte[resource.Length];
        resource.ReadExactly(json);
        return json;
    }
}
